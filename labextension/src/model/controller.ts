/** Follow the active notebook: analyse it as it changes, run it, watch the run. */

import type { Api } from '../api/client';
import type { NotebookContent, Run } from '../api/types';
import { toProblem } from './problem';
import type { Event, State } from './state';
import { EMPTY, isBusy, reduce } from './state';

export const DEBOUNCE_MS = 500;
export const POLL_MS = 500;
const PATIENCE = 10;

/** What the controller needs of an open notebook. */
export interface OpenNotebook {
  readonly path: string;
  readonly name: string;
  content(): NotebookContent;
  save(): Promise<void>;
  /** Call `changed` at every change; return how to end that. */
  listen(changed: () => void): () => void;
}

export class Controller {
  constructor(private readonly api: Api) {}

  get state(): State {
    return this._state;
  }

  /** In the shape that React's useSyncExternalStore asks for. */
  readonly getState = (): State => this._state;
  readonly subscribe = (listener: () => void): (() => void) => {
    this._listeners.add(listener);
    return () => this._listeners.delete(listener);
  };

  /** Turn to another notebook, or to none. */
  open(notebook: OpenNotebook | null): void {
    this._leave();
    this._notebook = notebook;
    if (!notebook) {
      this._dispatch({ type: 'closed' });
      return;
    }
    this._dispatch({ type: 'opened', path: notebook.path, name: notebook.name });
    this._unlisten = notebook.listen(() => this._scheduleAnalysis());
    void this._analyse();
    void this._findLastRun(notebook);
  }

  /** Rest while nobody sees the panel; catch up when it is shown. */
  setVisible(visible: boolean): void {
    this._visible = visible;
    if (visible) {
      void this._analyse();
    }
  }

  /** Save the notebook, run it, and follow the run to its end. */
  async run(): Promise<void> {
    const notebook = this._notebook;
    if (!notebook || isBusy(this._state)) {
      return;
    }
    this._dispatch({ type: 'starting' });
    try {
      await notebook.save();
      const runId = await this.api.start(notebook.path);
      if (this._notebook === notebook) {
        this._watch(notebook, runId);
      }
    } catch (error) {
      this._fail(notebook, error);
    }
  }

  async stop(): Promise<void> {
    const notebook = this._notebook;
    const run = this._state.run;
    if (!notebook || run?.status !== 'running') {
      return;
    }
    try {
      await this.api.stop(notebook.path, run.run_id);
    } catch (error) {
      this._fail(notebook, error);
    }
  }

  dispose(): void {
    this._leave();
    this._notebook = null;
    this._listeners.clear();
  }

  private _leave(): void {
    this._unlisten();
    this._unlisten = () => undefined;
    clearTimeout(this._analysis);
    clearTimeout(this._poll);
    this._analysed = '';
  }

  private _scheduleAnalysis(): void {
    clearTimeout(this._analysis);
    this._analysis = setTimeout(() => void this._analyse(), DEBOUNCE_MS);
  }

  private async _analyse(): Promise<void> {
    const notebook = this._notebook;
    if (!notebook || !this._visible) {
      return;
    }
    const content = notebook.content();
    const text = JSON.stringify(content);
    if (text === this._analysed) {
      return;
    }
    this._analysed = text;
    // A slow answer to an old question must not overwrite the answer to a newer one.
    const current = () =>
      this._notebook === notebook && this._analysed === text;
    try {
      const graph = await this.api.graph(notebook.path, content);
      if (current()) {
        this._dispatch({ type: 'analysed', graph });
      }
    } catch (error) {
      if (current()) {
        this._analysed = '';
        this._dispatch({ type: 'not analysed', problem: toProblem(error) });
      }
    }
  }

  private async _findLastRun(notebook: OpenNotebook): Promise<void> {
    let last: Run | undefined;
    try {
      last = (await this.api.runs(notebook.path))[0];
    } catch {
      // Without a history the panel is still of use; what is wrong with the server, the graph says.
      return;
    }
    if (!last || this._notebook !== notebook || isBusy(this._state)) {
      return;
    }
    this._dispatch({ type: 'run', run: last });
    if (last.status === 'running') {
      this._watch(notebook, last.run_id);
    }
  }

  private _watch(notebook: OpenNotebook, runId: string, misses = 0): void {
    clearTimeout(this._poll);
    const again = (delay: number, missed: number) => {
      this._poll = setTimeout(
        () => this._watch(notebook, runId, missed),
        delay
      );
    };
    this.api.run(notebook.path, runId).then(
      run => {
        if (this._notebook !== notebook) {
          return;
        }
        this._dispatch({ type: 'run', run });
        if (run.status === 'running') {
          again(POLL_MS, 0);
        }
      },
      error => {
        if (this._notebook !== notebook) {
          return;
        }
        this._fail(notebook, error);
        if (misses + 1 < PATIENCE) {
          again(POLL_MS * 2 ** Math.min(misses, 4), misses + 1);
        }
      }
    );
  }

  private _fail(notebook: OpenNotebook, error: unknown): void {
    if (this._notebook === notebook) {
      this._dispatch({ type: 'no run', problem: toProblem(error) });
    }
  }

  private _dispatch(event: Event): void {
    this._state = reduce(this._state, event);
    this._listeners.forEach(listener => listener());
  }

  private _state: State = EMPTY;
  private _notebook: OpenNotebook | null = null;
  private _visible = false;
  private _analysed = '';
  private _analysis: ReturnType<typeof setTimeout> | undefined;
  private _poll: ReturnType<typeof setTimeout> | undefined;
  private _unlisten: () => void = () => undefined;
  private readonly _listeners = new Set<() => void>();
}
