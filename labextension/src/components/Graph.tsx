import '@xyflow/react/dist/base.css';

import type { Edge as FlowEdge, Node, NodeProps } from '@xyflow/react';
import {
  Controls,
  Handle,
  MarkerType,
  Position,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow
} from '@xyflow/react';
import type { CSSProperties, JSX } from 'react';
import { useEffect, useMemo, useRef } from 'react';

import type { GraphDocument, Run } from '../api/types';
import { NODE_HEIGHT, NODE_WIDTH, layout } from '../model/layout';
import type { StageNode } from '../model/nodes';
import { stageNodes } from '../model/nodes';
import { shortList } from '../model/words';
import { StatusIcon } from './icons';

interface Props {
  graph: GraphDocument;
  run: Run | null;
  goTo: (cell: number) => void;
}

type FlowNode = Node<{ node: StageNode; goTo: (cell: number) => void }>;

const FIT = { padding: '14px' as const, maxZoom: 1.1, minZoom: 0.2 };
const nodeTypes = { stage: Stage };

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
  const shape = JSON.stringify([stages.map(({ name }) => name), edges]);
  const points = useMemo(
    () =>
      layout(
        stages.map(({ name }) => name),
        edges
      ),
    [shape]
  );
  const nodes = stageNodes(graph, run).map((node): FlowNode => ({
    id: node.stage.name,
    type: 'stage',
    position: points.get(node.stage.name) ?? { x: 0, y: 0 },
    width: NODE_WIDTH,
    height: NODE_HEIGHT,
    data: { node, goTo }
  }));
  const active = new Set(
    run?.stages.filter(s => s.status === 'running').map(s => s.name)
  );
  const arrows = edges.map((edge): FlowEdge => ({
    id: `${edge.source} ${edge.target}`,
    source: edge.source,
    target: edge.target,
    label: shortList(edge.variables, 3),
    ariaLabel: `${edge.source} gives ${edge.target} ${edge.variables.join(', ') || 'nothing but its order'}`,
    animated: active.has(edge.target),
    markerEnd: { type: MarkerType.ArrowClosed, width: 16, height: 16 }
  }));
  const frame = useRef<HTMLDivElement>(null);
  useRefit(frame, shape);
  const places = [...points.values()];
  const wide = Math.max(...places.map(({ x }) => x)) + NODE_WIDTH;
  const tall = Math.max(...places.map(({ y }) => y)) + NODE_HEIGHT;
  const style = {
    '--mlops-tall': `${tall + 32}px`,
    aspectRatio: `${wide + 32} / ${tall + 32}`
  } as CSSProperties;
  return (
    <div ref={frame} className="mlops-Graph" style={style}>
      <ReactFlow
        nodes={nodes}
        edges={arrows}
        nodeTypes={nodeTypes}
        fitView
        fitViewOptions={FIT}
        minZoom={0.2}
        maxZoom={2}
        nodesDraggable={false}
        nodesConnectable={false}
        nodesFocusable={false}
        edgesFocusable={false}
        elementsSelectable={false}
        zoomOnScroll={false}
        preventScrolling={false}
        zoomOnDoubleClick={false}
      >
        <Controls showInteractive={false} fitViewOptions={FIT} />
      </ReactFlow>
    </div>
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

function Stage({ data }: NodeProps<FlowNode>): JSX.Element {
  const { stage, status, colour, detail, progress, description } = data.node;
  const style = {
    '--mlops-light': colour.light,
    '--mlops-dark': colour.dark
  } as CSSProperties;
  const first = stage.cells[0];
  return (
    <>
      <Handle type="target" position={Position.Top} isConnectable={false} />
      <button
        type="button"
        className={`mlops-Stage mlops-is-${status} nodrag nopan`}
        style={style}
        title={description.split('; ').join('\n')}
        aria-label={`${description}. Go to its first cell`}
        data-stage={stage.name}
        data-status={status}
        onClick={() => first !== undefined && data.goTo(first)}
      >
        <StatusIcon status={status} />
        <span className="mlops-Stage-text">
          <span className="mlops-Stage-name">{stage.name}</span>
          <span className="mlops-Stage-detail">{detail}</span>
        </span>
        {progress !== null && (
          <span
            className="mlops-Stage-progress"
            style={{ width: `${progress * 100}%` }}
          />
        )}
      </button>
      <Handle type="source" position={Position.Bottom} isConnectable={false} />
    </>
  );
}
