import type { JSX } from 'react';

import type { ApiProblem, Diagnostic } from '../api/types';
import { place } from '../model/words';

export type GoTo = (cell: number, line?: number | null) => void;

/** What keeps the notebook from being a pipeline: each finding leads to its cell. */
export function Diagnostics(props: {
  diagnostics: Diagnostic[];
  goTo: GoTo;
}): JSX.Element {
  return (
    <ul className="mlops-Diagnostics" aria-label="Findings in the notebook">
      {props.diagnostics.map((finding, i) => (
        <li key={i} className="mlops-Note mlops-is-error">
          <div className="mlops-Note-head">
            <PlaceLink {...finding} goTo={props.goTo} />
            <span className="mlops-Rule">{finding.rule}</span>
          </div>
          <p>{finding.message}</p>
          {finding.mend && <p className="mlops-Mend">{finding.mend}</p>}
        </li>
      ))}
    </ul>
  );
}

/** An error of the server's, in its words. */
export function Problem({ problem }: { problem: ApiProblem }): JSX.Element {
  return (
    <div className="mlops-Note mlops-is-error" role="alert">
      <p>{problem.message}</p>
      {problem.hint && <p className="mlops-Mend">{problem.hint}</p>}
    </div>
  );
}

/** “cell 4, line 2”, leading there. */
export function PlaceLink(props: {
  cell?: number | null;
  line?: number | null;
  goTo: GoTo;
  text?: string;
}): JSX.Element | null {
  const { cell, line, goTo } = props;
  if (cell === undefined || cell === null) {
    return null;
  }
  const where = place(cell, line);
  return (
    <button
      type="button"
      className="mlops-Link"
      aria-label={`Go to ${where}`}
      onClick={() => goTo(cell, line)}
    >
      {props.text ?? where}
    </button>
  );
}
