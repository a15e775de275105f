import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { Api } from '../api/client';
import type { GraphDocument, NotebookContent, Run } from '../api/types';
import type { OpenNotebook } from './controller';
import { Controller, DEBOUNCE_MS, POLL_MS } from './controller';

/** A server that answers at once what it was given to answer. */
class FakeServer implements Api {
  asked: string[] = [];
  history: Run[] = [];
  answers: (Run | Error)[] = [];
  graphs: ((graph: GraphDocument) => void)[] = [];
  waits = false;

  graph(_: string, content: NotebookContent): Promise<GraphDocument> {
    const source = content.cells[0]!.source;
    this.asked.push(`graph ${source}`);
    if (this.waits) {
      return new Promise(resolve => this.graphs.push(resolve));
    }
    return Promise.resolve(graphOf(source));
  }

  start(path: string): Promise<string> {
    this.asked.push(`start ${path}`);
    return Promise.resolve('r1');
  }

  run(): Promise<Run> {
    const answer = this.answers.shift()!;
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  }

  runs(): Promise<Run[]> {
    return Promise.resolve(this.history);
  }

  stop(_: string, runId: string): Promise<void> {
    this.asked.push(`stop ${runId}`);
    return Promise.resolve();
  }
}

class FakeNotebook implements OpenNotebook {
  readonly name = 'a.ipynb';
  readonly path = 'a.ipynb';
  saved = 0;
  changed: () => void = () => undefined;

  constructor(public source = 'one') {}

  content(): NotebookContent {
    const cell = { id: 'x', cell_type: 'code', source: this.source, metadata: {} };
    return { nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [cell] };
  }

  save(): Promise<void> {
    this.saved += 1;
    return Promise.resolve();
  }

  listen(changed: () => void): () => void {
    this.changed = changed;
    return () => {
      this.changed = () => undefined;
    };
  }

  edit(source: string): void {
    this.source = source;
    this.changed();
  }
}

function graphOf(name: string): GraphDocument {
  const rest = { params: {}, stages: [], edges: [], gates: [], setup: [] };
  return { notebook: name, ...rest, suggested: false, diagnostics: [] };
}

function run(status: Run['status'], runId = 'r1'): Run {
  return { run_id: runId, status, notebook: 'a.ipynb', stages: [] };
}

let server: FakeServer;
let controller: Controller;
const settle = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  controller = new Controller(server);
  controller.setVisible(true);
});

afterEach(() => {
  controller.dispose();
  vi.useRealTimers();
});

test('a notebook is analysed when opened, and once after a burst of changes', async () => {
  const notebook = new FakeNotebook();
  controller.open(notebook);
  await settle();
  expect(controller.state.graph?.notebook).toBe('one');
  notebook.edit('two');
  await vi.advanceTimersByTimeAsync(DEBOUNCE_MS - 1);
  notebook.edit('three');
  await vi.advanceTimersByTimeAsync(DEBOUNCE_MS);
  expect(server.asked).toEqual(['graph one', 'graph three']);
  expect(controller.state.graph?.notebook).toBe('three');
});

test('a change that changes nothing the graph hangs on asks nothing', async () => {
  const notebook = new FakeNotebook();
  controller.open(notebook);
  await settle();
  notebook.edit('one');
  await vi.advanceTimersByTimeAsync(DEBOUNCE_MS);
  expect(server.asked).toEqual(['graph one']);
});

test('a hidden panel asks nothing until it is shown', async () => {
  controller.setVisible(false);
  controller.open(new FakeNotebook());
  await settle();
  expect(server.asked).toEqual([]);
  controller.setVisible(true);
  await settle();
  expect(controller.state.graph?.notebook).toBe('one');
});

test('a slow answer to an old question is dropped', async () => {
  const notebook = new FakeNotebook();
  server.waits = true;
  controller.open(notebook);
  notebook.edit('two');
  await vi.advanceTimersByTimeAsync(DEBOUNCE_MS);
  server.graphs[1]!(graphOf('two'));
  await settle();
  server.graphs[0]!(graphOf('one'));
  await settle();
  expect(controller.state.graph?.notebook).toBe('two');
});

test('Run saves, starts and follows to the end, then rests', async () => {
  const notebook = new FakeNotebook();
  controller.open(notebook);
  await settle();
  server.answers = [run('running'), run('running'), run('succeeded')];
  const started = controller.run();
  expect(controller.state.starting).toBe(true);
  await started;
  await settle();
  expect(notebook.saved).toBe(1);
  expect(controller.state).toMatchObject({ starting: false, run: { status: 'running' } });
  await vi.advanceTimersByTimeAsync(2 * POLL_MS);
  expect(controller.state.run?.status).toBe('succeeded');
  expect(vi.getTimerCount()).toBe(0);
});

test('while a run is under way there is no second one, and it can be stopped', async () => {
  controller.open(new FakeNotebook());
  server.answers = [run('running'), run('failed')];
  await controller.run();
  await settle();
  await controller.run();
  await controller.stop();
  expect(server.asked.filter(each => each.startsWith('start'))).toHaveLength(1);
  expect(server.asked).toContain('stop r1');
});

test('an answer that fails is told, and asked for again', async () => {
  controller.open(new FakeNotebook());
  server.answers = [new Error('gone'), run('succeeded')];
  await controller.run();
  await settle();
  expect(controller.state.runProblem?.message).toBe('gone');
  await vi.advanceTimersByTimeAsync(POLL_MS);
  expect(controller.state).toMatchObject({ runProblem: null, run: { status: 'succeeded' } });
});

test('the last run of an opened notebook is shown, and followed where it still runs', async () => {
  server.history = [run('running', 'r9'), run('failed', 'r8')];
  server.answers = [run('running', 'r9'), run('succeeded', 'r9')];
  controller.open(new FakeNotebook());
  await settle();
  expect(controller.state.run).toMatchObject({ run_id: 'r9', status: 'running' });
  await vi.advanceTimersByTimeAsync(POLL_MS);
  expect(controller.state.run?.status).toBe('succeeded');
});

test('turning to another notebook leaves the first one alone', async () => {
  const first = new FakeNotebook('first');
  controller.open(first);
  server.answers = [run('running')];
  await controller.run();
  await settle();
  controller.open(new FakeNotebook('second'));
  await settle();
  first.edit('changed');
  await vi.advanceTimersByTimeAsync(10 * POLL_MS);
  expect(controller.state).toMatchObject({ run: null, graph: { notebook: 'second' } });
  expect(server.asked).not.toContain('graph changed');
  controller.open(null);
  expect(controller.state.notebook).toBeNull();
});
