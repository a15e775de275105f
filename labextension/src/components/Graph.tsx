import '@xyflow/react/dist/base.css';

import type { Edge as FlowEdge, EdgeProps, Node, NodeProps } from '@xyflow/react';
import {
  BaseEdge,
  Controls,
  Handle,
  MarkerType,
  Position,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow
} from '@xyflow/react';
import type { CSSProperties, JSX } from 'react';
import { useEffect, useMemo, useRef, useState } from 'react';

import type { GraphDocument, Run } from '../api/types';
import type { Point } from '../model/layout';
import {
  NODE_HEIGHT,
  NODE_WIDTH,
  edgeId,
  layout,
  middle,
  smoothPath
} from '../model/layout';
import type { StageNode } from '../model/nodes';
import { stageNodes } from '../model/nodes';
import { shortList } from '../model/words';
import { StageButton } from './StageButton';
import { VariablesOf } from './VariablesOf';

interface Props {
  graph: GraphDocument;
  run: Run | null;
  goTo: (cell: number) => void;
}

type StageFlow = Node<{
  node: StageNode;
  goTo: (cell: number) => void;
  look: (name: string) => void;
}>;
type Arrow = FlowEdge<{ route: readonly Point[]; label: string }>;

const MARGIN = 14;
const FIT = { padding: `${MARGIN}px` as const, maxZoom: 1.1, minZoom: 0.2 };
const nodeTypes = { stage: StageShape };
const edgeTypes = { route: Route };

/** The stages as a picture; each one leads to its first cell. */
export default function Graph(props: Props): JSX.Element {
  return (
    <ReactFlowProvider>
      <Canvas {...props} />
    </ReactFlowProvider>
  );
}

function Canvas({ graph, run, goTo }: Props): JSX.Element {
  const { stages, edges } = graph;
  const [seen, look] = useState('');
  const names = stages.map(({ name }) => name);
  const shape = JSON.stringify([names, edges]);
  const plan = useMemo(() => layout(names, edges), [shape]);
  const nodes = stageNodes(graph, run).map((node): StageFlow => ({
    id: node.stage.name,
    type: 'stage',
    position: plan.nodes.get(node.stage.name) ?? { x: 0, y: 0 },
    width: NODE_WIDTH,
    height: NODE_HEIGHT,
    data: { node, goTo, look }
  }));
  const running = new Set(
    run?.stages.filter(s => s.status === 'running').map(s => s.name)
  );
  const arrows = edges.map((edge): Arrow => {
    const touched = seen === edge.source || seen === edge.target;
    return {
      id: edgeId(edge),
      type: 'route',
      source: edge.source,
      target: edge.target,
      className: touched ? 'mlops-mod-seen' : undefined,
      zIndex: touched ? 1 : 0,
      animated: running.has(edge.target),
      data: {
        route: plan.routes.get(edgeId(edge)) ?? [],
        label: plan.roomy ? shortList(edge.variables, 2) : ''
      },
      ariaLabel: `${edge.source} gives ${edge.target} ${edge.variables.join(', ') || 'nothing but its order'}`,
      markerEnd: { type: MarkerType.ArrowClosed, width: 14, height: 14, color: 'var(--mlops-line)' }
    };
  });
  const frame = useRef<HTMLDivElement>(null);
  useRefit(frame, shape);
  const [width, height] = [plan.width + 2 * MARGIN, plan.height + 2 * MARGIN];
  const style = {
    '--mlops-tall': `${height}px`,
    aspectRatio: `${width} / ${height}`
  } as CSSProperties;
  return (
    <>
      <div ref={frame} className="mlops-Graph" style={style}>
        <ReactFlow
          nodes={nodes}
          edges={arrows}
          nodeTypes={nodeTypes}
          edgeTypes={edgeTypes}
          fitView
          fitViewOptions={FIT}
          minZoom={0.2}
          maxZoom={2}
          nodesDraggable={false}
          nodesConnectable={false}
          nodesFocusable={false}
          edgesFocusable={false}
          elementsSelectable={false}
          disableKeyboardA11y
          zoomOnScroll={false}
          preventScrolling={false}
          zoomOnDoubleClick={false}
        >
          <Controls
            showInteractive={false}
            fitViewOptions={FIT}
            orientation="horizontal"
            position="top-right"
          />
        </ReactFlow>
      </div>
      {!plan.roomy && <VariablesOf graph={graph} stage={seen} />}
    </>
  );
}

/** Fit the picture again when its shape changes, and when a hidden or resized panel gets its size. */
function useRefit(
  frame: React.RefObject<HTMLDivElement | null>,
  shape: string
): void {
  const { fitView } = useReactFlow();
  useEffect(() => {
    const element = frame.current;
    if (!element) {
      return;
    }
    let next = 0;
    const refit = () => {
      cancelAnimationFrame(next);
      next = requestAnimationFrame(() => void fitView(FIT));
    };
    const observer = new ResizeObserver(refit);
    observer.observe(element);
    refit();
    return () => {
      cancelAnimationFrame(next);
      observer.disconnect();
    };
  }, [fitView, shape]);
}

function StageShape({ data }: NodeProps<StageFlow>): JSX.Element {
  return (
    <>
      <Handle type="target" position={Position.Top} isConnectable={false} />
      <StageButton {...data} />
      <Handle type="source" position={Position.Bottom} isConnectable={false} />
    </>
  );
}

function Route({ data, markerEnd }: EdgeProps<Arrow>): JSX.Element {
  const route = data?.route ?? [];
  const { x, y } = middle(route);
  return (
    <BaseEdge
      path={smoothPath(route)}
      markerEnd={markerEnd}
      label={data?.label || undefined}
      labelX={x}
      labelY={y}
    />
  );
}
