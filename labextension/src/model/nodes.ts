/** The graph and the run in one: what each node of the picture shows. */

import type { GraphDocument, Run, Stage, StageRun } from '../api/types';
import type { NodeStatus } from './words';
import { STATUS_WORDS, cellRange, duration } from './words';
import type { Colour } from './colour';
import { NEUTRAL, assignColours } from './colour';

export interface StageNode {
  stage: Stage;
  status: NodeStatus;
  colour: Colour;
  /** The line under the name. */
  detail: string;
  /** Done cells of all, from 0 to 1; null where none are under way. */
  progress: number | null;
  /** All of it in one sentence, for screen readers and as a tooltip. */
  description: string;
}

export function stageNodes(
  graph: GraphDocument,
  run: Run | null
): StageNode[] {
  const colours = assignColours(graph.stages.map(stage => stage.name));
  const runs = new Map(run?.stages.map(each => [each.name, each]));
  return graph.stages.map(stage => {
    const state = runs.get(stage.name);
    const status: NodeStatus = state?.status ?? 'none';
    const detail = detailOf(status, state);
    return {
      stage,
      status,
      colour: colours.get(stage.name) ?? NEUTRAL,
      detail,
      progress: progressOf(state),
      description: describe(stage, detail)
    };
  });
}

function detailOf(status: NodeStatus, state: StageRun | undefined): string {
  const word = STATUS_WORDS[status];
  if (status === 'running' && state?.cells_total) {
    return `${word} ${state.cells_done ?? 0}/${state.cells_total} cells`;
  }
  if ((status === 'executed' || status === 'failed') && state?.seconds) {
    return `${word} · ${duration(state.seconds)}`;
  }
  return word;
}

function progressOf(state: StageRun | undefined): number | null {
  if (state?.status !== 'running') {
    return null;
  }
  return (state.cells_done ?? 0) / Math.max(state.cells_total ?? 1, 1);
}

function describe(stage: Stage, detail: string): string {
  const flow = [
    stage.inputs.length ? `reads ${stage.inputs.join(', ')}` : '',
    stage.outputs.length ? `gives ${stage.outputs.join(', ')}` : ''
  ].filter(Boolean);
  const where = cellRange(stage.cells);
  return [`Stage ${stage.name}, ${detail}`, where, ...flow].join('; ');
}

/** What a stage takes of which stage, and what it gives; nothing for a name that is no stage's. */
export function variablesOf(
  graph: GraphDocument,
  name: string
): { word: string; names: string }[] {
  const stage = graph.stages.find(each => each.name === name);
  if (!stage) {
    return [];
  }
  const lines = graph.edges
    .filter(edge => edge.target === name)
    .map(edge => ({
      word: edge.variables.length > 0 ? `from ${edge.source}` : 'after',
      names: edge.variables.join(', ') || edge.source
    }));
  return [...lines, { word: 'gives', names: stage.outputs.join(', ') || 'nothing that another stage reads' }];
}
