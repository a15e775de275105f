import type { JSX } from 'react';
import { Suspense, lazy, useSyncExternalStore } from 'react';

import type { GraphDocument } from '../api/types';
import type { Controller } from '../model/controller';
import type { State } from '../model/state';
import type { Versions } from '../model/versions';
import { isBusy, isRunnable } from '../model/state';
import { announcement, count } from '../model/words';
import { NoNotebook, NoStages } from './EmptyState';
import { LastRun } from './LastRun';
import { Models } from './Models';
import type { GoTo } from './Problems';
import { Diagnostics, Problem } from './Problems';

// React Flow is large; it is fetched when the first graph is drawn.
const Graph = lazy(() => import('./Graph'));

interface Props {
  controller: Controller;
  versions: Versions;
  goTo: GoTo;
}

/** The sidebar's content. */
export function Panel({ controller, versions, goTo }: Props): JSX.Element {
  const state = useSyncExternalStore(controller.subscribe, controller.getState);
  if (!state.notebook) {
    return <NoNotebook />;
  }
  return (
    <>
      <Header state={state} controller={controller} />
      <div className="mlops-Live" role="status" aria-live="polite">
        {announcement(state.run)}
      </div>
      {state.graphProblem && <Problem problem={state.graphProblem} />}
      {state.runProblem && <Problem problem={state.runProblem} />}
      {state.graph && <Pipeline graph={state.graph} state={state} goTo={goTo} />}
      {state.run && <LastRun run={state.run} goTo={goTo} />}
      <Models versions={versions} />
    </>
  );
}

function Header(props: { state: State; controller: Controller }): JSX.Element {
  const { state, controller } = props;
  const running = state.run?.status === 'running';
  const runnable = isRunnable(state);
  return (
    <header className="mlops-Header">
      <div className="mlops-Title">
        <h1 title={state.notebook?.path}>{state.notebook?.name}</h1>
        <p>{summary(state.graph)}</p>
      </div>
      {running ? (
        <button
          type="button"
          className="mlops-Button"
          onClick={() => void controller.stop()}
        >
          <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
            <rect x="3.5" y="3.5" width="9" height="9" rx="1" fill="currentColor" />
          </svg>
          Stop
        </button>
      ) : (
        <button
          type="button"
          className="mlops-Button mlops-mod-primary"
          disabled={!runnable || isBusy(state)}
          title={runnable ? 'Save the notebook and run its pipeline' : 'There is no pipeline to run'}
          onClick={() => void controller.run()}
        >
          <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
            <path d="M4.5 2.8v10.4L13 8z" fill="currentColor" />
          </svg>
          {state.starting ? 'Starting…' : 'Run'}
        </button>
      )}
    </header>
  );
}

function summary(graph: GraphDocument | null): string {
  if (!graph) {
    return 'Reading the notebook…';
  }
  if (graph.diagnostics.length > 0 || graph.stages.length === 0) {
    return 'Not a pipeline yet';
  }
  const parameters = Object.keys(graph.params).length;
  const parts = [
    count(graph.stages.length, 'stage'),
    parameters ? count(parameters, 'parameter') : '',
    graph.gates.length ? count(graph.gates.length, 'gate') : ''
  ];
  return parts.filter(Boolean).join(' · ');
}

function Pipeline(props: {
  graph: GraphDocument;
  state: State;
  goTo: GoTo;
}): JSX.Element {
  const { graph, state, goTo } = props;
  return (
    <>
      {graph.diagnostics.length > 0 && (
        <section className="mlops-Section" aria-labelledby="mlops-findings">
          <header>
            <h2 id="mlops-findings">To mend first</h2>
            <span className="mlops-When">
              {count(graph.diagnostics.length, 'finding')}
            </span>
          </header>
          <Diagnostics diagnostics={graph.diagnostics} goTo={goTo} />
        </section>
      )}
      {graph.stages.length > 0 && (
        <section className="mlops-Section" aria-labelledby="mlops-pipeline">
          <header>
            <h2 id="mlops-pipeline">Pipeline</h2>
            {graph.suggested && <span className="mlops-Chip">Suggested</span>}
          </header>
          {graph.suggested && (
            <p className="mlops-Note">
              No cell is tagged yet; these stages are read from the headings and
              the data flow. Tag a cell to decide for yourself.
            </p>
          )}
          <Suspense fallback={<div className="mlops-Graph" aria-busy="true" />}>
            <Graph graph={graph} run={state.run} goTo={goTo} />
          </Suspense>
          <Parameters params={graph.params} />
        </section>
      )}
      {graph.stages.length + graph.diagnostics.length === 0 && <NoStages />}
    </>
  );
}

function Parameters(props: {
  params: Record<string, unknown>;
}): JSX.Element | null {
  const params = Object.entries(props.params);
  if (params.length === 0) {
    return null;
  }
  return (
    <dl className="mlops-Figures" aria-label="Parameters">
      {params.map(([name, value]) => (
        <div key={name}>
          <dt title={name}>{name}</dt>
          <dd title={JSON.stringify(value)}>{JSON.stringify(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
