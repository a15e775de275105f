import { expect, test } from 'vitest';

import type { Run } from '../api/types';
import { announcement, cellRange, count, duration, figure, place, shortList } from './words';

test.each([
  [0.042, '0.04 s'],
  [1.234, '1.2 s'],
  [48.4, '48 s'],
  [59.7, '1 min 0 s'],
  [200, '3 min 20 s'],
  [7500, '2 h 5 min']
])('%d seconds are %s', (seconds, words) => {
  expect(duration(seconds)).toBe(words);
});

test.each([
  [0.812345, '0.8123'],
  [3, '3'],
  [0, '0'],
  [1234567, '1.23e+6'],
  [0.00001234, '1.23e-5'],
  [NaN, '–']
])('%d is written %s', (value, words) => {
  expect(figure(value)).toBe(words);
});

test('places', () => {
  expect(cellRange([2])).toBe('cell 2');
  expect(cellRange([2, 3, 4])).toBe('cells 2–4');
  expect(cellRange([2, 4, 5])).toBe('cells 2, 4–5');
  expect(place(3, 2)).toBe('cell 3, line 2');
  expect(place(0)).toBe('cell 0');
  expect(place(null, 2)).toBe('');
});

test('lists and counts', () => {
  expect(shortList(['a', 'b', 'c', 'd'], 2)).toBe('a, b +2');
  expect(shortList(['a', 'b'], 2)).toBe('a, b');
  expect(count(1, 'stage')).toBe('1 stage');
  expect(count(0, 'stage')).toBe('0 stages');
});

test('a run is told as it goes', () => {
  const run = (status: Run['status'], ...stages: Run['stages']): Run => ({
    run_id: 'r',
    status,
    notebook: 'n',
    stages
  });
  expect(announcement(null)).toBe('');
  expect(announcement(run('running'))).toBe('Run started.');
  expect(announcement(run('running', { name: 'a', status: 'running' }))).toBe('Running a.');
  expect(announcement(run('succeeded', { name: 'a', status: 'cached' }))).toBe('Run succeeded: 1 stage.');
  expect(announcement(run('failed', { name: 'a', status: 'failed' }))).toBe('Run failed in stage a.');
  expect(announcement(run('failed'))).toBe('Run failed.');
});
