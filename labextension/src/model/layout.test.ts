import { expect, test } from 'vitest';

import { NODE_HEIGHT, NODE_WIDTH, layout } from './layout';

const NAMES = ['load', 'features', 'train', 'describe', 'report'];
const EDGES = [
  ['load', 'features'],
  ['features', 'train'],
  ['features', 'describe'],
  ['train', 'report'],
  ['describe', 'report']
].map(([source, target]) => ({ source: source!, target: target!, variables: [] }));

test('no two stages lie on each other', () => {
  const points = [...layout(NAMES, EDGES).values()];
  points.forEach((one, i) => {
    for (const other of points.slice(i + 1)) {
      const apart =
        Math.abs(one.x - other.x) >= NODE_WIDTH || Math.abs(one.y - other.y) >= NODE_HEIGHT;
      expect(apart).toBe(true);
    }
  });
});

test('what is needed stands above what needs it', () => {
  const points = layout(NAMES, EDGES);
  for (const { source, target } of EDGES) {
    expect(points.get(source)!.y + NODE_HEIGHT).toBeLessThan(points.get(target)!.y);
  }
});

test('an edge to a stage that is not there is left out', () => {
  const edges = [{ source: 'gone', target: 'load', variables: [] }];
  expect([...layout(['load'], edges).keys()]).toEqual(['load']);
});
