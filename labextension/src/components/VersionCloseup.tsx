import type { JSX } from 'react';

import type { Closeup, DataStanding } from '../api/types';
import { figure } from '../model/words';
import { Charts } from './Charts';
import { GatePicture, Verdict } from './GatePicture';
import { StatusIcon } from './StatusIcon';

/** A version from near: its gates, what it decides by, the data behind it. */
export function VersionCloseup({ closeup }: { closeup: Closeup | undefined }): JSX.Element {
  if (!closeup) {
    return <p className="mlops-Wait">Reading what is on record…</p>;
  }
  const logged = Object.entries(closeup.logged);
  return (
    <div className="mlops-Closeup">
      {closeup.gates.length === 0 && <p className="mlops-Soft">No gate has judged this version.</p>}
      {closeup.gates.map((gate, i) => (
        <section key={i} aria-label={`Gate for ${gate.model}/${gate.version}`}>
          <h3>
            Gate <Verdict gate={gate} /> <span className="mlops-Soft">{gate.count}</span>
          </h3>
          <GatePicture gate={gate} />
        </section>
      ))}
      {closeup.importance && <Charts section={closeup.importance} />}
      {closeup.data.length > 0 && <Data data={closeup.data} />}
      {logged.length > 0 && (
        <details className="mlops-Fold">
          <summary>
            <strong>Logged by the notebook</strong>
          </summary>
          <dl className="mlops-Figures">
            {logged.map(([name, value]) => (
              <div key={name}>
                <dt title={name}>{name}</dt>
                <dd>{value === null ? '–' : figure(value)}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </div>
  );
}

function Data({ data }: { data: DataStanding[] }): JSX.Element {
  return (
    <details className="mlops-Fold" open={data.some(each => each.passed === false)}>
      <summary>
        <strong>Data</strong>{' '}
        <span className="mlops-Soft">{data.map(each => each.name).join(', ')}</span>
      </summary>
      <ul className="mlops-DataStanding">
        {data.map(each => (
          <li key={`${each.name}@${each.version}`}>
            <div className="mlops-Row">
              <StatusIcon status={each.passed === null ? 'none' : each.passed ? 'executed' : 'failed'} />
              <span className="mlops-Row-name" title={`${each.name}@${each.version}`}>
                {each.name} <code className="mlops-Soft">{each.version.slice(0, 8)}</code>
              </span>
              <span className="mlops-Row-status">{each.use}</span>
            </div>
            <p className="mlops-Reason">{each.verdict}</p>
            {each.failures.map(line => (
              <p key={line} className="mlops-Reason">
                {line}
              </p>
            ))}
          </li>
        ))}
      </ul>
    </details>
  );
}
