/** What the panel knows, and how each event changes it. */

import type { ApiProblem, GraphDocument, Run } from '../api/types';

export interface State {
  /** The active notebook; null where none is open. */
  notebook: { path: string; name: string } | null;
  graph: GraphDocument | null;
  run: Run | null;
  /** From the click on Run until the server has the run. */
  starting: boolean;
  /** The graph couldn't be asked for. */
  graphProblem: ApiProblem | null;
  /** The run couldn't be started, followed or stopped. */
  runProblem: ApiProblem | null;
}

export const EMPTY: State = {
  notebook: null,
  graph: null,
  run: null,
  starting: false,
  graphProblem: null,
  runProblem: null
};

export type Event =
  | { type: 'opened'; path: string; name: string }
  | { type: 'closed' }
  | { type: 'analysed'; graph: GraphDocument }
  | { type: 'not analysed'; problem: ApiProblem }
  | { type: 'starting' }
  | { type: 'run'; run: Run }
  | { type: 'no run'; problem: ApiProblem };

export function reduce(state: State, event: Event): State {
  switch (event.type) {
    case 'opened':
      return { ...EMPTY, notebook: { path: event.path, name: event.name } };
    case 'closed':
      return EMPTY;
    case 'analysed':
      return { ...state, graph: event.graph, graphProblem: null };
    case 'not analysed':
      return { ...state, graphProblem: event.problem };
    case 'starting':
      return { ...state, starting: true, runProblem: null };
    case 'run':
      return { ...state, run: event.run, starting: false, runProblem: null };
    case 'no run':
      return { ...state, starting: false, runProblem: event.problem };
  }
}

/** Whether a run is under way, or about to be. */
export function isBusy(state: State): boolean {
  return state.starting || state.run?.status === 'running';
}

/** Whether there is a pipeline to run: stages, and nothing wrong with them. */
export function isRunnable(state: State): boolean {
  const { graph } = state;
  return (
    graph !== null && graph.stages.length > 0 && graph.diagnostics.length === 0
  );
}
