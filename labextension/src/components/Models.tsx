import type { JSX } from 'react';
import { useSyncExternalStore } from 'react';

import type { Action, Closeup, ModelView } from '../api/types';
import type { Versions } from '../model/versions';
import { approvalWords, refOf } from '../model/versions';
import { count, day, figure } from '../model/words';
import { AuditLog } from './AuditLog';
import { Drift } from './Drift';
import { Problem } from './Problems';
import { VersionCloseup } from './VersionCloseup';
import { StatusIcon } from './StatusIcon';

const SHOWN = 5;
const WORDS: Record<Action, string> = {
  promote: 'Promote',
  'roll back': 'Roll back',
  approve: 'Approve',
  reject: 'Reject'
};

/** The project's model versions with what may be done about them, its drift reports, and the audit log. */
export function Models({ versions }: { versions: Versions }): JSX.Element | null {
  const { project, problem, busy, closeups, comparing, compared } = useSyncExternalStore(
    versions.subscribe,
    versions.getState
  );
  if (!project) {
    return problem && <Problem problem={problem} />;
  }
  const names = [...new Set(project.models.map(model => model.name))];
  return (
    <>
      {problem && <Problem problem={problem} />}
      {names.map(name => (
        <Model
          key={name}
          name={name}
          models={project.models.filter(model => model.name === name)}
          busy={busy}
          closeups={closeups}
          versions={versions}
        />
      ))}
      <Drift project={project} versions={versions} comparing={comparing} compared={compared} />
      {project.audit.length > 0 && <AuditLog events={project.audit} />}
    </>
  );
}

function Model(props: {
  name: string;
  models: ModelView[];
  busy: string;
  closeups: Record<string, Closeup>;
  versions: Versions;
}): JSX.Element {
  const { name, models, busy, closeups, versions } = props;
  // Those that serve, and the newest.
  const shown = models.filter((model, i) => i < SHOWN || model.aliases.length > 0);
  return (
    <section className="mlops-Section" aria-label={`Model ${name}`} data-model={name}>
      <header>
        <h2>Model {name}</h2>
        <span className="mlops-When">{count(models.length, 'version')}</span>
      </header>
      <ol className="mlops-Models">
        {shown.map(model => (
          <Version
            key={model.version}
            model={model}
            busy={busy !== ''}
            closeup={closeups[refOf(model)]}
            versions={versions}
          />
        ))}
      </ol>
    </section>
  );
}

function Version(props: {
  model: ModelView;
  busy: boolean;
  closeup: Closeup | undefined;
  versions: Versions;
}): JSX.Element {
  const { model, busy, closeup, versions } = props;
  const ref = refOf(model);
  return (
    <li data-version={ref} aria-label={ref}>
      <details
        className="mlops-Version"
        onToggle={event => void versions.look(model, event.currentTarget.open)}
      >
        <summary className="mlops-Row" aria-label={`${ref}, ${gateWords(model.gate)}: show more`}>
          <GateMark gate={model.gate} />
          <strong>{model.version}</strong>
          {model.aliases.map(alias => (
            <span key={alias} className="mlops-Chip mlops-is-cached">
              {alias}
            </span>
          ))}
          {model.retired && <span className="mlops-Chip">{model.retired}</span>}
          <span className="mlops-Row-status mlops-Row-name">{figures(model)}</span>
          <time className="mlops-Row-time" dateTime={model.created_at} title={`by ${model.author}`}>
            {day(model.created_at)}
          </time>
        </summary>
        <VersionCloseup closeup={closeup} />
      </details>
      {model.override && (
        <p className="mlops-Note mlops-is-error">
          <strong>Promoted against its gates</strong>: {model.override}
        </p>
      )}
      <Approvals model={model} />
      <div className="mlops-Actions">
        {model.actions.map(action => (
          <button
            key={action}
            type="button"
            className="mlops-Link"
            disabled={busy}
            aria-label={`${WORDS[action]} ${ref}`}
            onClick={() => void act(versions, model, action)}
          >
            {WORDS[action]}
          </button>
        ))}
      </div>
    </li>
  );
}

function GateMark({ gate }: { gate: ModelView['gate'] }): JSX.Element {
  const status = gate === 'passed' ? 'executed' : gate === 'failed' ? 'failed' : 'none';
  const words = gateWords(gate);
  return (
    <span role="img" aria-label={words} title={words}>
      <StatusIcon status={status} />
    </span>
  );
}

function gateWords(gate: ModelView['gate']): string {
  return gate ? `its gates ${gate}` : 'no gate was run';
}

function Approvals({ model }: { model: ModelView }): JSX.Element | null {
  const asked = approvalWords(model);
  if (!asked && model.approvals.length === 0) {
    return null;
  }
  return (
    <div className="mlops-Approvals">
      {asked && <p className="mlops-Reason">{asked}</p>}
      <ul>
        {model.approvals.map(each => (
          <li key={`${each.author} ${each.created_at}`} className="mlops-Reason">
            {each.verdict} by {each.author}
            {each.reason && `: ${each.reason}`}
          </li>
        ))}
      </ul>
    </div>
  );
}

function act(versions: Versions, model: ModelView, action: Action): Promise<void> {
  switch (action) {
    case 'promote':
      return versions.promote(model, 'champion');
    case 'roll back':
      return versions.rollBack(model, 'champion');
    case 'approve':
      return versions.judge(model, 'approved');
    case 'reject':
      return versions.judge(model, 'rejected');
  }
}

function figures(model: ModelView): string {
  return Object.entries(model.metrics)
    .slice(0, 2)
    .map(([name, value]) => `${name} ${value === null ? '–' : figure(value)}`)
    .join(', ');
}
