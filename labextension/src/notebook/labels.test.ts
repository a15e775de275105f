import { expect, test } from 'vitest';

import { badgeText, labels } from './labels';
import type { Tag } from './tags';

const stage = (name: string): Tag => ({ kind: 'stage', name });
const code = (tag: Tag | null) => ({ cellType: 'code', tag });

test('an untagged code cell continues the stage above it, text and cells above the first stage do not', () => {
  const found = labels([
    code(null),
    code(stage('load')),
    { cellType: 'markdown', tag: null },
    code(null),
    code({ kind: 'skip', name: '' }),
    code(null),
    code(stage('train'))
  ]);
  expect(found.map(label => label && [label.tag.name || label.tag.kind, label.own])).toEqual([
    null,
    ['load', true],
    null,
    ['load', false],
    ['skip', true],
    ['load', false],
    ['train', true]
  ]);
});

test('badges say what a cell is', () => {
  expect(badgeText(stage('train'))).toBe('train');
  expect(badgeText({ kind: 'gate', name: 'churn' })).toBe('gate: churn');
  expect(badgeText({ kind: 'card', name: 'churn' })).toBe('card: churn');
  expect(badgeText({ kind: 'params', name: '' })).toBe('parameters');
  expect(badgeText({ kind: 'setup', name: '' })).toBe('setup');
});
