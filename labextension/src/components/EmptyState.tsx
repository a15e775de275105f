import type { JSX } from 'react';

export function NoNotebook(): JSX.Element {
  return (
    <div className="mlops-Empty">
      <h2>No notebook open</h2>
      <p>Open a notebook, and its pipeline is drawn here.</p>
    </div>
  );
}

export function NoStages(): JSX.Element {
  return (
    <div className="mlops-Empty">
      <h2>No stages yet</h2>
      <p>
        A stage is a cell, or several, that the pipeline runs as one step. To
        make one, click the tag in a cell&rsquo;s toolbar, or write in its first
        line:
      </p>
      <pre>%%mlops stage load</pre>
      <p>
        What one stage needs of another is found in the code; there is nothing
        to declare.
      </p>
    </div>
  );
}
