import type { JSX } from 'react';

import type { Bar as BarView } from '../api/types';

/** A figure on its axis, with its interval and what it is held against; it takes the width that there is. */
export function Bar(props: { bar: BarView; height: number }): JSX.Element {
  const { bar, height } = props;
  const middle = height / 2;
  return (
    <svg className="mlops-Bar" width="100%" height={height} role="img" aria-label={bar.words}>
      <title>{bar.words}</title>
      {bar.holds && (
        <rect
          className="mlops-Bar-holds"
          x={percent(bar.holds[0])}
          width={`${(bar.holds[1] - bar.holds[0]) * INSIDE}%`}
          y={2}
          height={height - 4}
        />
      )}
      <Across className="mlops-Bar-axis" ends={[0, 1]} y={middle} />
      {bar.base !== null && <Across className="mlops-Bar-from" ends={[bar.base, bar.at]} y={middle} />}
      {bar.zero !== null && <Tick className="mlops-Bar-zero" at={bar.zero} from={middle - 5} to={middle + 5} />}
      {bar.ends && (
        <>
          <Across className="mlops-Bar-interval" ends={bar.ends} y={middle} />
          {bar.ends.map((end, i) => (
            <Tick key={i} className="mlops-Bar-end" at={end} from={middle - 4} to={middle + 4} />
          ))}
        </>
      )}
      {bar.mark !== null && <Tick className="mlops-Bar-mark" at={bar.mark} from={1} to={height - 1} />}
      <circle className="mlops-Bar-figure" cx={percent(bar.at)} cy={middle} r={4} />
    </svg>
  );
}

// Room at both ends, so that a mark on an end is drawn whole.
const INSIDE = 96;

function percent(share: number): string {
  return `${(100 - INSIDE) / 2 + INSIDE * share}%`;
}

function Across(props: { className: string; ends: [number, number]; y: number }): JSX.Element {
  const [low, high] = props.ends;
  return <line className={props.className} x1={percent(low)} x2={percent(high)} y1={props.y} y2={props.y} />;
}

function Tick(props: { className: string; at: number; from: number; to: number }): JSX.Element {
  const x = percent(props.at);
  return <line className={props.className} x1={x} x2={x} y1={props.from} y2={props.to} />;
}
