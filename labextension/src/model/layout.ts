import dagre from '@dagrejs/dagre';

import type { Edge } from '../api/types';

export const NODE_WIDTH = 132;
export const NODE_HEIGHT = 46;

export interface Point {
  x: number;
  y: number;
}

export interface Layout {
  /** Top left corners, by stage. */
  nodes: ReadonlyMap<string, Point>;
  /** The points that each edge goes by, from border to border, by `edgeId`. */
  routes: ReadonlyMap<string, readonly Point[]>;
  width: number;
  height: number;
  /** Whether there is room for the variables' names on the edges. */
  roomy: boolean;
}

export function edgeId(edge: Edge): string {
  return `${edge.source} ${edge.target}`;
}

/** Place the stages from top to bottom, no two on each other, and lead the edges around them. */
export function layout(names: readonly string[], edges: readonly Edge[]): Layout {
  const known = new Set(names);
  const drawn = edges.filter(e => known.has(e.source) && known.has(e.target));
  const roomy = drawn.length <= names.length;
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: 'TB', nodesep: 16, edgesep: 12, ranksep: roomy ? 40 : 30 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const name of names) {
    graph.setNode(name, { width: NODE_WIDTH, height: NODE_HEIGHT });
  }
  for (const { source, target } of drawn) {
    graph.setEdge(source, target);
  }
  dagre.layout(graph);
  const nodes = new Map(
    names.map(name => {
      const { x, y } = graph.node(name);
      return [name, { x: x - NODE_WIDTH / 2, y: y - NODE_HEIGHT / 2 }];
    })
  );
  const routes = new Map(
    drawn.map((edge): [string, Point[]] => [
      edgeId(edge),
      graph.edge(edge.source, edge.target).points ?? []
    ])
  );
  const { width = 0, height = 0 } = graph.graph();
  return { nodes, routes, width, height, roomy };
}

/** An SVG path through the points, its corners rounded. */
export function smoothPath(points: readonly Point[]): string {
  const [first, ...rest] = points;
  const last = rest.pop();
  if (!first || !last) {
    return '';
  }
  let path = `M${first.x},${first.y}`;
  rest.forEach((corner, i) => {
    const next = rest[i + 1];
    const to = next
      ? { x: (corner.x + next.x) / 2, y: (corner.y + next.y) / 2 }
      : last;
    path += `Q${corner.x},${corner.y} ${to.x},${to.y}`;
  });
  return rest.length > 0 ? path : `${path}L${last.x},${last.y}`;
}

/** Where an edge's label stands: the middle of its way. */
export function middle(points: readonly Point[]): Point {
  return points[Math.floor(points.length / 2)] ?? { x: 0, y: 0 };
}
