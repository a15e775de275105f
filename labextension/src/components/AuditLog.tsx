import type { JSX } from 'react';

import type { AuditEvent } from '../api/types';
import { shortSubject } from '../model/versions';
import { day } from '../model/words';

/** Who did what, the newest first; `jupyter mlops audit log` has them all. */
export function AuditLog({ events }: { events: AuditEvent[] }): JSX.Element {
  return (
    <section className="mlops-Section" aria-labelledby="mlops-audit">
      <header>
        <h2 id="mlops-audit">Audit log</h2>
      </header>
      <ol className="mlops-Audit">
        {events.map(event => (
          <li key={event.seq} className={`mlops-is-${event.phase === 'done' ? 'none' : 'failed'}`}>
            <time className="mlops-Row-time" dateTime={event.at} title={event.at}>
              {day(event.at)}
            </time>
            <span className="mlops-Row-name" title={[event.subject, event.reason].filter(Boolean).join(': ')}>
              <strong>{event.action}</strong> {shortSubject(event.subject)}
            </span>
            <span className="mlops-Row-status">{event.actor}</span>
            {event.phase !== 'done' && <span className="mlops-Chip mlops-is-failed">{event.phase}</span>}
          </li>
        ))}
      </ol>
    </section>
  );
}
