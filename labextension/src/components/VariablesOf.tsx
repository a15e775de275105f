import type { JSX } from 'react';

import type { GraphDocument } from '../api/types';
import { variablesOf } from '../model/nodes';

/** The variables of the stage that is pointed at; a dense graph has no room for them on its edges. */
export function VariablesOf(props: {
  graph: GraphDocument;
  stage: string;
}): JSX.Element {
  const lines = variablesOf(props.graph, props.stage);
  // What is said here stands in each stage's own description too.
  return (
    <div className="mlops-Variables" aria-hidden="true">
      <p>Point at a stage to see its variables.</p>
      {lines.length > 0 && (
        <div className="mlops-Variables-card">
          {lines.map(({ word, names }) => (
            <p key={word + names}>
              <span>{word}</span> <code>{names}</code>
            </p>
          ))}
        </div>
      )}
    </div>
  );
}
