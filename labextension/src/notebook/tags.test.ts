import { describe, expect, test } from 'vitest';

import type { Tag, TaggedCell } from './tags';
import { nameProblem, namesOf, readTag, writeTag } from './tags';

function cell(
  source: string,
  metadata: Record<string, unknown> = {},
  cellType = 'code'
): TaggedCell {
  return { cellType, source, metadata };
}

const stage = (name: string): Tag => ({ kind: 'stage', name });

describe('readTag', () => {
  test.each<[string, TaggedCell, Tag | null]>([
    ['a line', cell('%%mlops stage train\nfit()'), stage('train')],
    ['a line with options', cell('%%mlops stage train --after a --gpu'), stage('train')],
    ['a line below blank ones', cell('\n  \n%%mlops setup\nx = 1'), { kind: 'setup', name: '' }],
    ['a line with a Windows end', cell('%%mlops skip\r\nx'), { kind: 'skip', name: '' }],
    ['a gate', cell('%%mlops gate churn\naccuracy > 0.8', {}, 'raw'), { kind: 'gate', name: 'churn' }],
    ['metadata', cell('x', { mlops: { kind: 'stage', name: 'load' } }), stage('load')],
    ['a gate in metadata', cell('x', { mlops: { kind: 'gate', model: 'm' } }), { kind: 'gate', name: 'm' }],
    ['expectations', cell('%%mlops expect census\nrows: 3'), { kind: 'expect', name: 'census' }],
    [
      'expectations in metadata',
      cell('rows: 3', { mlops: { kind: 'expect', dataset: 'census' } }, 'raw'),
      { kind: 'expect', name: 'census' }
    ],
    ["papermill's tag", cell('x = 1', { tags: ['a', 'parameters'] }), { kind: 'params', name: '' }],
    ['the line over the metadata', cell('%%mlops skip', { mlops: { kind: 'setup' } }), { kind: 'skip', name: '' }],
    ['no tag', cell('x = 1', { tags: ['a'] }), null],
    ['a line further down', cell('x = 1\n%%mlops stage a'), null],
    ['another magic', cell('%%mlopsx stage a'), null],
    ['an unknown kind', cell('%%mlops stages a'), null],
    ['a stage without a name', cell('%%mlops stage --gpu'), null],
    ['odd metadata', cell('x', { mlops: 'stage', tags: 'parameters' }), null],
    ['a card', cell('%%mlops card churn\nFor calls.'), { kind: 'card', name: 'churn' }],
    ['a card in Markdown', cell('x', { mlops: { kind: 'card', model: 'm' } }, 'markdown'), { kind: 'card', name: 'm' }],
    ['another tag in Markdown', cell('x', { mlops: { kind: 'stage', name: 'm' } }, 'markdown'), null],
    ['a card without a model', cell('x', { mlops: { kind: 'card' } }, 'markdown'), null],
    ['a page of text', cell('%%mlops stage a', {}, 'markdown'), null]
  ])('%s', (_, given, expected) => {
    expect(readTag(given)).toEqual(expected);
  });
});

describe('writeTag', () => {
  test('writes metadata into a cell without a line', () => {
    const edit = writeTag(cell('fit()', { other: 1 }), stage('train'));
    expect(edit).toEqual({
      source: 'fit()',
      metadata: { other: 1, mlops: { kind: 'stage', name: 'train' } }
    });
  });

  test('edits the line where there is one, and leaves no second truth', () => {
    const before = cell('%%mlops setup\nfit()', { mlops: { kind: 'skip' }, tags: ['parameters', 'a'] });
    expect(writeTag(before, stage('train'))).toEqual({
      source: '%%mlops stage train\nfit()',
      metadata: { tags: ['a'] }
    });
  });

  test('keeps what else a stage says, in the line and in metadata', () => {
    const line = cell('%%mlops stage a --retries 2 --gpu\nfit()');
    expect(writeTag(line, stage('b')).source).toBe('%%mlops stage b --retries 2 --gpu\nfit()');
    const metadata = cell('fit()', { mlops: { kind: 'stage', name: 'a', retries: 2 } });
    expect(writeTag(metadata, stage('b')).metadata).toEqual({
      mlops: { kind: 'stage', name: 'b', retries: 2 }
    });
  });

  test("drops a stage's options with the stage", () => {
    const line = cell('%%mlops stage a --retries 2\nfit()');
    expect(writeTag(line, { kind: 'skip', name: '' }).source).toBe('%%mlops skip\nfit()');
  });

  test("uses papermill's own tag for parameters", () => {
    const edit = writeTag(cell('x = 1', { tags: ['a'], mlops: { kind: 'setup' } }), { kind: 'params', name: '' });
    expect(edit.metadata).toEqual({ tags: ['a', 'parameters'] });
  });

  test('writes expectations as a line in code, as metadata in a raw cell', () => {
    const tag: Tag = { kind: 'expect', name: 'census' };
    expect(writeTag(cell('rows: 3'), tag).source).toBe('%%mlops expect census\nrows: 3');
    expect(writeTag(cell('rows: 3', {}, 'raw'), tag).metadata).toEqual({
      mlops: { kind: 'expect', dataset: 'census' }
    });
    expect(nameProblem({ kind: 'expect', name: '' })).toContain('dataset');
    expect(nameProblem({ kind: 'expect', name: 'a b' })).toContain("can't name a dataset");
  });

  test('writes a gate as a line in code, as metadata in a raw cell', () => {
    const gate: Tag = { kind: 'gate', name: 'churn' };
    expect(writeTag(cell('accuracy > 0.8'), gate).source).toBe('%%mlops gate churn\naccuracy > 0.8');
    expect(writeTag(cell('accuracy > 0.8', {}, 'raw'), gate)).toEqual({
      source: 'accuracy > 0.8',
      metadata: { mlops: { kind: 'gate', model: 'churn' } }
    });
  });

  test('writes a card as a line in code, as metadata in Markdown, whatever stands there', () => {
    const card: Tag = { kind: 'card', name: 'churn' };
    expect(writeTag(cell('For calls.'), card).source).toBe('%%mlops card churn\nFor calls.');
    const text = cell('%%mlops card is how it is written', { a: 1 }, 'markdown');
    const edit = writeTag(text, card);
    expect(edit).toEqual({
      source: text.source,
      metadata: { a: 1, mlops: { kind: 'card', model: 'churn' } }
    });
    expect(writeTag({ cellType: 'markdown', ...edit }, null)).toEqual({
      source: text.source,
      metadata: { a: 1 }
    });
  });

  test.each<TaggedCell>([
    cell('%%mlops stage a --gpu\nx = 1'),
    cell('x = 1', { mlops: { kind: 'stage', name: 'a' } }),
    cell('x = 1', { tags: ['parameters'] }),
    cell('x = 1')
  ])('clears a tag without a trace: $source $metadata', before => {
    expect(writeTag(before, null)).toEqual({ source: 'x = 1', metadata: {} });
  });

  test.each<Tag>([
    stage('train'),
    { kind: 'params', name: '' },
    { kind: 'setup', name: '' },
    { kind: 'skip', name: '' },
    { kind: 'gate', name: 'churn' },
    { kind: 'card', name: 'churn' }
  ])('what is written is what is read: $kind', tag => {
    const cells = [
      cell('x = 1', { tags: ['a'] }),
      cell('%%mlops stage old --retries 1\nx = 1'),
      cell('x = 1', { mlops: { kind: 'gate', model: 'old' } })
    ];
    for (const before of cells) {
      expect(readTag({ cellType: 'code', ...writeTag(before, tag) })).toEqual(tag);
    }
  });

  test('leaves the cell it was given alone', () => {
    const metadata = { mlops: { kind: 'stage', name: 'a' }, tags: ['parameters'] };
    const copy = structuredClone(metadata);
    writeTag(cell('x', metadata), stage('b'));
    expect(metadata).toEqual(copy);
  });
});

test.each<[Tag, string]>([
  [stage('train-2'), ''],
  [stage('prüfen'), ''],
  [stage(''), 'Give the stage a name.'],
  [{ kind: 'gate', name: 'churn.v2' }, ''],
  [{ kind: 'gate', name: '' }, 'Name the model that the gate is for.'],
  [{ kind: 'setup', name: '' }, '']
])('nameProblem of %j', (tag, problem) => {
  expect(nameProblem(tag)).toBe(problem);
});

test.each(['two words', '-a', 'a/b', 'x'.repeat(65)])('%s names no stage', name => {
  expect(nameProblem(stage(name))).toContain("can't name a stage");
});

test('namesOf gives each name once, in page order', () => {
  const tags = [stage('b'), null, stage('a'), stage('b'), { kind: 'gate', name: 'm' } as Tag];
  expect(namesOf('stage', tags)).toEqual(['b', 'a']);
  expect(namesOf('gate', tags)).toEqual(['m']);
});
