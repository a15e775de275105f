import type { CSSProperties, JSX } from 'react';

import type { StageNode } from '../model/nodes';
import { StatusIcon } from './StatusIcon';

/** A stage in the graph: its name, its state, the way to its first cell. */
export function StageButton(props: {
  node: StageNode;
  goTo: (cell: number) => void;
  look: (name: string) => void;
}): JSX.Element {
  const { goTo, look } = props;
  const { stage, status, colour, detail, progress, description } = props.node;
  const style = {
    '--mlops-light': colour.light,
    '--mlops-dark': colour.dark
  } as CSSProperties;
  const first = stage.cells[0];
  return (
    <button
      type="button"
      className={`mlops-Stage mlops-is-${status} nodrag nopan`}
      style={style}
      title={description.split('; ').join('\n')}
      aria-label={`${description}. Go to its first cell`}
      data-stage={stage.name}
      data-status={status}
      onClick={() => first !== undefined && goTo(first)}
      onMouseEnter={() => look(stage.name)}
      onMouseLeave={() => look('')}
      onFocus={() => look(stage.name)}
      onBlur={event => {
        // A click leads the focus into the notebook while the pointer is still here.
        if (!event.currentTarget.matches(':hover')) {
          look('');
        }
      }}
    >
      <StatusIcon status={status} />
      <span className="mlops-Stage-text">
        <span className="mlops-Stage-name">{stage.name}</span>
        <span className="mlops-Stage-detail">{detail}</span>
      </span>
      {progress !== null && (
        <span
          className="mlops-Stage-progress"
          style={{ width: `${progress * 100}%` }}
        />
      )}
    </button>
  );
}
