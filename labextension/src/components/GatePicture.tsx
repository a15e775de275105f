import type { JSX } from 'react';

import type { ConditionView, GateView } from '../api/types';
import { Bar } from './Bar';
import { breakable } from './breakable';
import { Charts } from './Charts';
import { StatusIcon } from './StatusIcon';

const ICONS = {
  passed: 'executed',
  failed: 'failed',
  'not evaluated': 'skipped'
} as const;

/** A gate's result: its conditions, each with figure, interval, threshold and verdict; the rest folded in below. */
export function GatePicture({ gate }: { gate: GateView }): JSX.Element {
  return (
    <div className="mlops-Gate">
      <p className="mlops-Soft">{gate.context}</p>
      <ul className="mlops-Conditions">
        {gate.conditions.map((condition, i) => (
          <Condition key={i} condition={condition} />
        ))}
      </ul>
      {gate.sections.map(section => (
        <Charts key={section.title} section={section} />
      ))}
      {gate.notes.length > 0 && (
        <ul className="mlops-GateNotes">
          {gate.notes.map(note => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** Passed or failed, as a word in its colour. */
export function Verdict({ gate }: { gate: { passed: boolean } }): JSX.Element {
  return (
    <span className={`mlops-Chip mlops-is-${gate.passed ? 'succeeded' : 'failed'}`}>
      {gate.passed ? 'Passed' : 'Failed'}
    </span>
  );
}

function Condition({ condition }: { condition: ConditionView }): JSX.Element {
  const { status, figure, threshold, interval, test, reason, bar } = condition;
  return (
    <li className={`mlops-Condition mlops-is-${ICONS[status]}`} data-condition-status={status}>
      <div className="mlops-Row">
        <StatusIcon status={ICONS[status]} />
        <code className="mlops-Row-name">{breakable(condition.text)}</code>
        <span className="mlops-Condition-status">{status}</span>
      </div>
      <div className="mlops-Condition-body">
        <p className="mlops-Condition-figure">
          {figure && <strong>{figure}</strong>} {figure && <span className="mlops-Soft">{threshold}</span>}
          {condition.optional && <span className="mlops-Tag">optional</span>}
        </p>
        {bar && <Bar bar={bar} height={22} />}
        {[interval, test, reason].filter(Boolean).map(line => (
          <p key={line} className="mlops-Soft">
            {line}
          </p>
        ))}
      </div>
    </li>
  );
}
