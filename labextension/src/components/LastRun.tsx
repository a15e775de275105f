import type { JSX } from 'react';

import type { Evaluation, Run, StageRun } from '../api/types';
import { RUN_WORDS, STATUS_WORDS, duration, figure, place } from '../model/words';
import { GatePicture, Verdict } from './GatePicture';
import type { GoTo } from './Problems';
import { PlaceLink, Problem } from './Problems';
import { StatusIcon } from './StatusIcon';

/** The last run: its stages, what failed and where, what came out of it. */
export function LastRun({ run, goTo }: { run: Run; goTo: GoTo }): JSX.Element {
  return (
    <>
      <section className="mlops-Section" aria-labelledby="mlops-last-run">
        <header>
          <h2 id="mlops-last-run">
            {run.status === 'running' ? 'Run' : 'Last run'}
          </h2>
          <span className={`mlops-Chip mlops-is-${run.status}`} data-run-status={run.status}>
            {RUN_WORDS[run.status]}
          </span>
          <time className="mlops-When" title={run.run_id} dateTime={run.created_at}>
            {when(run)}
          </time>
        </header>
        {run.error && <Problem problem={run.error} />}
        {run.status === 'running' && run.stages.length === 0 && (
          <p className="mlops-Wait">Reading the notebook…</p>
        )}
        <ol className="mlops-Stages">
          {run.stages.map(stage => (
            <StageRow key={stage.name} stage={stage} goTo={goTo} />
          ))}
        </ol>
        <Figures metrics={run.metrics ?? {}} />
      </section>
      <Versions run={run} />
      {(run.gates ?? []).map(gate => (
        <GateResult key={`${gate.model}/${gate.version}`} gate={gate} />
      ))}
    </>
  );
}

function StageRow(props: { stage: StageRun; goTo: GoTo }): JSX.Element {
  const { stage, goTo } = props;
  const { error } = stage;
  return (
    <li data-stage-row={stage.name} data-status={stage.status}>
      <div className="mlops-Row">
        <StatusIcon status={stage.status} />
        <span className="mlops-Row-name">{stage.name}</span>
        <span className="mlops-Row-status">{STATUS_WORDS[stage.status]}</span>
        <span className="mlops-Row-time">{stage.seconds ? duration(stage.seconds) : ''}</span>
      </div>
      {stage.reason && !error && <p className="mlops-Reason">{stage.reason}</p>}
      {error && (
        <div className="mlops-Note mlops-is-error">
          <p>
            <strong>{error.type}</strong>
            {error.message && `: ${error.message}`}
          </p>
          <PlaceLink {...error} goTo={goTo} text={`Go to ${place(error.cell, error.line)}`} />
          {error.traceback && (
            <details>
              <summary>Traceback</summary>
              <pre>{plain(error.traceback)}</pre>
            </details>
          )}
        </div>
      )}
    </li>
  );
}

function Figures(props: { metrics: Record<string, number | null> }): JSX.Element | null {
  const metrics = Object.entries(props.metrics);
  if (metrics.length === 0) {
    return null;
  }
  return (
    <dl className="mlops-Figures" aria-label="Metrics">
      {metrics.map(([name, value]) => (
        <div key={name}>
          <dt title={name}>{name}</dt>
          <dd>{value === null ? '–' : figure(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

function Versions({ run }: { run: Run }): JSX.Element | null {
  const models = run.models ?? [];
  const datasets = run.datasets ?? [];
  if (models.length + datasets.length === 0) {
    return null;
  }
  return (
    <section className="mlops-Section" aria-labelledby="mlops-versions">
      <header>
        <h2 id="mlops-versions">Versions</h2>
      </header>
      <ul className="mlops-Versions">
        {models.map(({ name, version }) => (
          <li key={`m/${name}/${version}`}>
            <span className="mlops-Kind">model</span>
            <span className="mlops-Row-name">{name}</span>
            <code>version {version}</code>
          </li>
        ))}
        {datasets.map(({ name, version }) => (
          <li key={`d/${name}/${version}`}>
            <span className="mlops-Kind">dataset</span>
            <span className="mlops-Row-name">{name}</span>
            <code title={String(version)}>{String(version).slice(0, 12)}</code>
          </li>
        ))}
      </ul>
    </section>
  );
}

function GateResult({ gate }: { gate: Evaluation }): JSX.Element {
  return (
    <section className="mlops-Section" aria-label={`Gate for ${gate.model}`}>
      <header>
        <h2>
          Gate {gate.model}/{gate.version}
        </h2>
        <Verdict gate={gate} />
        <span className="mlops-When">{gate.view?.count}</span>
      </header>
      {gate.view && <GatePicture gate={gate.view} />}
    </section>
  );
}

function when(run: Run): string {
  const moment = run.created_at ? new Date(run.created_at) : null;
  if (!moment || Number.isNaN(moment.valueOf())) {
    return '';
  }
  const today = moment.toDateString() === new Date().toDateString();
  return today
    ? moment.toLocaleTimeString(undefined, { timeStyle: 'short' })
    : moment.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
}

/** IPython's tracebacks are coloured for a terminal. */
function plain(text: string): string {
  return text.replace(/\u001b\[[0-9;]*m/g, '');
}
