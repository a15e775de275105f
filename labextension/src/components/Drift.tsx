import type { JSX } from 'react';

import type { ColumnGlance, ProjectDocument, ReportGlance, Traffic } from '../api/types';
import type { Versions } from '../model/versions';
import { count, day } from '../model/words';
import { StatusIcon } from './StatusIcon';

/** The newest drift reports, and the live traffic that can be compared. */
export function Drift(props: {
  project: ProjectDocument;
  versions: Versions;
  comparing: string;
  compared: string;
}): JSX.Element | null {
  const { project, versions, comparing, compared } = props;
  const [newest, ...earlier] = project.drift;
  if (!newest && project.traffic.length === 0 && project.models.length === 0) {
    return null;
  }
  return (
    <section className="mlops-Section" aria-labelledby="mlops-drift">
      <header>
        <h2 id="mlops-drift">Drift</h2>
        {newest && (
          <span className={`mlops-Chip mlops-is-${newest.drifted ? 'failed' : 'succeeded'}`}>
            {newest.drifted ? 'Drifted' : 'No drift'}
          </span>
        )}
        {newest && (
          <time className="mlops-When" dateTime={newest.created_at} title={`by ${newest.author}`}>
            {day(newest.created_at)}
          </time>
        )}
      </header>
      <div className="mlops-Live" role="status" aria-live="polite">
        {comparing ? `Comparing the traffic of ${comparing}.` : compared}
      </div>
      {newest ? (
        <Report report={newest} versions={versions} />
      ) : (
        <p className="mlops-Soft">
          Nothing was compared yet. Serve a model and compare its traffic here, or compare files and datasets with{' '}
          <code>%mlops drift</code>.
        </p>
      )}
      {project.traffic.map(each => (
        <LiveTraffic key={each.model} traffic={each} versions={versions} comparing={comparing} />
      ))}
      {earlier.length > 0 && (
        <details className="mlops-Fold">
          <summary>
            <strong>Earlier</strong> <span className="mlops-Soft">{count(earlier.length, 'report')}</span>
          </summary>
          <ul>
            {earlier.map(report => (
              <li key={report.report_id} className="mlops-Row">
                <StatusIcon status={report.drifted ? 'failed' : 'executed'} />
                <button
                  type="button"
                  className="mlops-Link mlops-Row-name"
                  title={report.summary}
                  onClick={() => void versions.openReport(report)}
                >
                  {report.title}
                </button>
                <span className="mlops-Row-status">{report.drifted ? 'drifted' : 'no drift'}</span>
                <time className="mlops-Row-time" dateTime={report.created_at}>
                  {day(report.created_at)}
                </time>
              </li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}

function Report(props: { report: ReportGlance; versions: Versions }): JSX.Element {
  const { report, versions } = props;
  return (
    <article className="mlops-Report" aria-label={report.title}>
      <p className="mlops-Report-title">{report.title}</p>
      <p className="mlops-Soft">{report.summary}</p>
      <table>
        <caption className="mlops-Live">The columns that differ most</caption>
        <tbody>
          {report.columns.map(column => (
            <Column key={column.name} column={column} />
          ))}
        </tbody>
      </table>
      <p className="mlops-Report-more">
        {report.rest > 0 && <span className="mlops-Soft">{count(report.rest, 'more column')}</span>}
        <button type="button" className="mlops-Link" onClick={() => void versions.openReport(report)}>
          Open the report
        </button>
      </p>
    </article>
  );
}

function Column({ column }: { column: ColumnGlance }): JSX.Element {
  return (
    <tr data-tone={column.tone}>
      <th scope="row" title={column.name}>
        {column.name}
      </th>
      <td className="mlops-Meter" title={column.p_value && `corrected p ${column.p_value}`}>
        <span style={{ width: `${column.share * 100}%` }} />
      </td>
      <td className="mlops-Number">{column.effect}</td>
      <td className="mlops-Tone">{column.verdict}</td>
    </tr>
  );
}

function LiveTraffic(props: { traffic: Traffic; versions: Versions; comparing: string }): JSX.Element {
  const { traffic, versions, comparing } = props;
  const mine = comparing === traffic.model;
  return (
    <div className="mlops-Traffic">
      <span className="mlops-Row-name">
        <strong>{traffic.model}</strong>{' '}
        <span className="mlops-Soft">
          live: {traffic.requests.toLocaleString()} {traffic.requests === 1 ? 'request' : 'requests'}
        </span>
      </span>
      <button
        type="button"
        className="mlops-Button"
        disabled={comparing !== '' || !traffic.reference}
        title={traffic.reference ? `Compare with ${traffic.reference}` : 'There is no data to compare it with'}
        aria-label={`Compare the live traffic of ${traffic.model}`}
        onClick={() => void versions.compareTraffic(traffic.model)}
      >
        {mine ? 'Comparing…' : 'Compare now'}
      </button>
    </div>
  );
}
