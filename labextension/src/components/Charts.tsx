import type { JSX } from 'react';

import type { Chart, Point, Section } from '../api/types';
import { Bar } from './Bar';
import { breakable } from './breakable';

/** Charts that belong together, behind a line that says the most important of them. */
export function Charts({ section }: { section: Section }): JSX.Element {
  return (
    <details className="mlops-Fold" open={section.opened}>
      <summary>
        <strong>{section.title}</strong> <span className="mlops-Soft">{section.summary}</span>
      </summary>
      {section.charts.map((chart, i) => (
        <ChartTable key={i} chart={chart} />
      ))}
    </details>
  );
}

function ChartTable({ chart }: { chart: Chart }): JSX.Element {
  return (
    <div className="mlops-Chart">
      {/* The roles are said because a narrow panel lays the rows out anew. */}
      <table role="table">
        {chart.title && (
          <caption>
            <code>{chart.title}</code>
          </caption>
        )}
        <tbody role="rowgroup">
          {chart.points.map((point, i) => (
            <PointRow key={i} point={point} />
          ))}
        </tbody>
        {chart.ends.length > 0 && (
          <tfoot aria-hidden="true">
            <tr>
              <td />
              <td className="mlops-Chart-ends">
                {chart.ends.map((end, i) => (
                  <span key={i}>{end}</span>
                ))}
              </td>
              <td />
            </tr>
          </tfoot>
        )}
      </table>
      {chart.note && <p className="mlops-Soft">{chart.note}</p>}
    </div>
  );
}

function PointRow({ point }: { point: Point }): JSX.Element {
  return (
    <tr role="row" data-tag={point.tag || undefined}>
      <th role="rowheader" scope="row">
        {breakable(point.label)}
        {point.tag && <span className="mlops-Tag">{point.tag}</span>}
        {point.rows && <span className="mlops-Soft"> {point.rows} rows</span>}
      </th>
      <td role="cell">{point.bar && <Bar bar={point.bar} height={18} />}</td>
      <td role="cell" className="mlops-Number">
        <strong>{point.figure}</strong>
        {point.interval && <div className="mlops-Soft">{point.interval}</div>}
      </td>
    </tr>
  );
}
