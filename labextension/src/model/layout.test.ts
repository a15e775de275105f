import { expect, test } from 'vitest';

import type { Edge } from '../api/types';
import type { Point } from './layout';
import { NODE_HEIGHT, NODE_WIDTH, edgeId, layout, smoothPath } from './layout';

const edges = (...pairs: string[]): Edge[] =>
  pairs.map(pair => {
    const [source, target] = pair.split('>');
    return { source: source!, target: target!, variables: [] };
  });

const NAMES = ['load', 'features', 'train', 'describe', 'report'];
const EDGES = edges('load>features', 'features>train', 'features>describe', 'train>report', 'describe>report');
const DENSE = edges(...EDGES.map(e => `${e.source}>${e.target}`), 'load>train', 'load>report', 'features>report');

test.each([[EDGES], [DENSE]])('no two stages lie on each other', given => {
  const points = [...layout(NAMES, given).nodes.values()];
  points.forEach((one, i) => {
    for (const other of points.slice(i + 1)) {
      const apart =
        Math.abs(one.x - other.x) >= NODE_WIDTH || Math.abs(one.y - other.y) >= NODE_HEIGHT;
      expect(apart).toBe(true);
    }
  });
});

test('what is needed stands above what needs it', () => {
  const { nodes } = layout(NAMES, DENSE);
  for (const { source, target } of DENSE) {
    expect(nodes.get(source)!.y + NODE_HEIGHT).toBeLessThan(nodes.get(target)!.y);
  }
});

test('edges go around the stages that they pass', () => {
  const { nodes, routes } = layout(NAMES, DENSE);
  for (const edge of DENSE) {
    const others = NAMES.filter(name => name !== edge.source && name !== edge.target);
    for (const point of along(routes.get(edgeId(edge))!)) {
      expect(others.filter(name => covers(nodes.get(name)!, point))).toEqual([]);
    }
  }
});

test('there is room for names on few edges, not on many', () => {
  expect(layout(NAMES, EDGES).roomy).toBe(true);
  expect(layout(NAMES, DENSE).roomy).toBe(false);
});

test('an edge to a stage that is not there is left out', () => {
  const { nodes, routes } = layout(['load'], edges('gone>load'));
  expect([...nodes.keys()]).toEqual(['load']);
  expect(routes.size).toBe(0);
});

test('a path begins at its first point and ends at its last', () => {
  const corner = [{ x: 0, y: 0 }, { x: 0, y: 5 }, { x: 9, y: 9 }];
  expect(smoothPath(corner)).toBe('M0,0Q0,5 9,9');
  expect(smoothPath([...corner, { x: 9, y: 20 }])).toBe('M0,0Q0,5 4.5,7Q9,9 9,20');
  expect(smoothPath(corner.slice(0, 2))).toBe('M0,0L0,5');
  expect(smoothPath([])).toBe('');
});

function* along(points: readonly Point[]): Generator<Point> {
  for (let i = 1; i < points.length; i++) {
    for (let part = 0; part <= 1; part += 0.05) {
      const [from, to] = [points[i - 1]!, points[i]!];
      yield { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
    }
  }
}

function covers(corner: Point, point: Point): boolean {
  const [dx, dy] = [point.x - corner.x, point.y - corner.y];
  return dx > 0 && dx < NODE_WIDTH && dy > 0 && dy < NODE_HEIGHT;
}
