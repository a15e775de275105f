import dagre from '@dagrejs/dagre';

import type { Edge } from '../api/types';

export const NODE_WIDTH = 132;
export const NODE_HEIGHT = 46;

export interface Point {
  x: number;
  y: number;
}

/** Place the stages from top to bottom, no two on each other; the points are top left corners. */
export function layout(
  names: readonly string[],
  edges: readonly Edge[]
): ReadonlyMap<string, Point> {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: 'TB', nodesep: 16, ranksep: 40 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const name of names) {
    graph.setNode(name, { width: NODE_WIDTH, height: NODE_HEIGHT });
  }
  const known = new Set(names);
  for (const { source, target } of edges) {
    if (known.has(source) && known.has(target)) {
      graph.setEdge(source, target);
    }
  }
  dagre.layout(graph);
  return new Map(
    names.map(name => {
      const { x, y } = graph.node(name);
      return [name, { x: x - NODE_WIDTH / 2, y: y - NODE_HEIGHT / 2 }];
    })
  );
}
