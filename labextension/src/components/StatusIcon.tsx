import type { JSX } from 'react';

import type { NodeStatus } from '../model/words';

const PATHS: Record<NodeStatus, JSX.Element> = {
  none: <circle cx="8" cy="8" r="5.25" strokeDasharray="1.5 2.6" />,
  pending: (
    <>
      <circle cx="8" cy="8" r="5.75" />
      <path d="M8 4.75V8l2.25 1.5" />
    </>
  ),
  running: <path d="M8 2.25A5.75 5.75 0 1 1 2.25 8" />,
  executed: (
    <>
      <circle cx="8" cy="8" r="5.75" />
      <path d="M5.25 8.25l2 2 3.5-4" />
    </>
  ),
  cached: <path d="M8.75 1.75L3.5 9h4l-.75 5.25L12.5 7h-4z" />,
  failed: (
    <>
      <circle cx="8" cy="8" r="5.75" />
      <path d="M5.75 5.75l4.5 4.5M10.25 5.75l-4.5 4.5" />
    </>
  ),
  skipped: (
    <>
      <circle cx="8" cy="8" r="5.75" />
      <path d="M4 12L12 4" />
    </>
  )
};

/** A status as a shape of its own, so that colour is never all that says it. */
export function StatusIcon({ status }: { status: NodeStatus }): JSX.Element {
  return (
    <svg
      className={`mlops-StatusIcon mlops-is-${status}`}
      viewBox="0 0 16 16"
      width="16"
      height="16"
      aria-hidden="true"
    >
      {PATHS[status]}
    </svg>
  );
}
