/** Figures and states in words, for eyes and for screen readers. */

import type { Run, RunStatus, StageStatus } from '../api/types';

export type NodeStatus = StageStatus | 'none';

export const STATUS_WORDS: Record<NodeStatus, string> = {
  none: 'not run yet',
  pending: 'pending',
  running: 'running',
  executed: 'executed',
  cached: 'cached',
  failed: 'failed',
  skipped: 'skipped'
};

export const RUN_WORDS: Record<RunStatus, string> = {
  running: 'Running',
  succeeded: 'Succeeded',
  failed: 'Failed'
};

/** `0.04 s`, `1.2 s`, `48 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(seconds: number): string {
  if (seconds < 1) {
    return `${seconds.toFixed(2)} s`;
  }
  if (seconds < 10) {
    return `${seconds.toFixed(1)} s`;
  }
  const whole = Math.round(seconds);
  if (whole < 60) {
    return `${whole} s`;
  }
  if (whole < 3600) {
    return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  }
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** A figure with four significant digits, as a person would write it. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) {
    return '–';
  }
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-4 || size >= 1e6)
    ? value.toExponential(2)
    : String(Number(value.toPrecision(4)));
}

/** The time of today, the date of any other day, with its year where it isn't this one; nothing where the text is no moment. */
export function day(text: string | undefined): string {
  const moment = text ? new Date(text) : null;
  if (!moment || Number.isNaN(moment.valueOf())) {
    return '';
  }
  const now = new Date();
  if (moment.toDateString() === now.toDateString()) {
    return moment.toLocaleTimeString(undefined, { timeStyle: 'short' });
  }
  return moment.getFullYear() === now.getFullYear()
    ? moment.toLocaleDateString(undefined, { day: 'numeric', month: 'short' })
    : moment.toLocaleDateString(undefined, { dateStyle: 'medium' });
}

/** `1 stage`, `3 stages`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** Cells by the numbers that all messages call them by, from 0: `cell 3`, `cells 3–5`, `cells 3, 5`. */
export function cellRange(cells: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const cell of cells) {
    const last = ranges[ranges.length - 1];
    if (last && last[1] === cell - 1) {
      last[1] = cell;
    } else {
      ranges.push([cell, cell]);
    }
  }
  const shown = ranges.map(([from, to]) =>
    from === to ? `${from}` : `${from}–${to}`
  );
  return `${cells.length === 1 ? 'cell' : 'cells'} ${shown.join(', ')}`;
}

/** `cell 4, line 2`. */
export function place(cell?: number | null, line?: number | null): string {
  if (cell === undefined || cell === null) {
    return '';
  }
  return `cell ${cell}` + (line ? `, line ${line}` : '');
}

/** Names in a line; what is beyond `most` is counted. */
export function shortList(names: readonly string[], most: number): string {
  const rest = names.length - most;
  return rest > 0
    ? `${names.slice(0, most).join(', ')} +${rest}`
    : names.join(', ');
}

/** What a screen reader is told while a run goes on. */
export function announcement(run: Run | null): string {
  if (!run) {
    return '';
  }
  if (run.status === 'succeeded') {
    return `Run succeeded: ${count(run.stages.length, 'stage')}.`;
  }
  if (run.status === 'failed') {
    const failed = run.stages.find(stage => stage.status === 'failed');
    return failed ? `Run failed in stage ${failed.name}.` : 'Run failed.';
  }
  const running = run.stages
    .filter(stage => stage.status === 'running')
    .map(stage => stage.name);
  return running.length > 0 ? `Running ${running.join(', ')}.` : 'Run started.';
}
