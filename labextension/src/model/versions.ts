/** The project's model versions and drift: read them, and act on one; what the server says no to is told, and asked about. */

import type { VersionsApi } from '../api/client';
import type {
  Alias,
  ApiProblem,
  Approval,
  Closeup,
  ModelView,
  ProjectDocument,
  ReportGlance
} from '../api/types';
import { toProblem } from './problem';

/** The code of an answer that a gate, or a missing approval, stands behind: somebody may override that. */
export const BLOCKED = 'MLO510';

export interface VersionsState {
  project: ProjectDocument | null;
  problem: ApiProblem | null;
  /** `name/version` that an answer is awaited for; empty where none is. */
  busy: string;
  /** The versions that somebody looks at, by `name/version`. */
  closeups: Record<string, Closeup>;
  /** The model whose traffic is being compared; empty where none is. */
  comparing: string;
  /** What a comparison found, for whoever hears the panel. */
  compared: string;
}

/** How a person is asked; undefined where they changed their mind. */
export interface Ask {
  confirm(title: string, text: string, button: string): Promise<boolean>;
  reason(title: string, label: string, button: string): Promise<string | undefined>;
}

/** Show a page of its own beside the notebook. */
export type ShowPage = (title: string, html: string) => void;

/** What is known of the panel: its notebook, and the run that it shows. */
interface Followed {
  getState(): { notebook: { path: string } | null; run: { status: string } | null };
  subscribe(listener: () => void): () => void;
}

const EMPTY: VersionsState = {
  project: null,
  problem: null,
  busy: '',
  closeups: {},
  comparing: '',
  compared: ''
};

export class Versions {
  constructor(
    private readonly api: VersionsApi,
    private readonly ask: Ask,
    private readonly show: ShowPage
  ) {}

  /** In the shape that React's useSyncExternalStore asks for. */
  readonly getState = (): VersionsState => this._state;
  readonly subscribe = (listener: () => void): (() => void) => {
    this._listeners.add(listener);
    return () => this._listeners.delete(listener);
  };

  /** Turn to the project that a notebook lies in, or to none. */
  open(path: string): void {
    if (path !== this._path) {
      this._path = path;
      this._looked.clear();
      this._set(EMPTY);
    }
    void this.refresh();
  }

  /** Turn with the panel to another notebook's project, and read it anew when a run has ended. */
  follow(panel: Followed): void {
    let path = '';
    let running = false;
    panel.subscribe(() => {
      const { notebook, run } = panel.getState();
      const now = notebook?.path ?? '';
      const ended = running && run?.status !== 'running';
      running = run?.status === 'running';
      if (now !== path || ended) {
        path = now;
        this.open(path);
      }
    });
  }

  /** Rest while nobody sees the panel; catch up when it is shown. */
  setVisible(visible: boolean): void {
    this._visible = visible;
    void this.refresh();
  }

  async refresh(): Promise<void> {
    const path = this._path;
    if (!path || !this._visible) {
      return;
    }
    try {
      const project = await this.api.project(path);
      if (path === this._path) {
        this._set({ project });
        await Promise.all([...this._looked].map(ref => this._closeup(path, ref)));
      }
    } catch (error) {
      if (path === this._path) {
        this._set({ problem: toProblem(error) });
      }
    }
  }

  /** Look at a version from near, or no longer. */
  async look(model: ModelView, at: boolean): Promise<void> {
    const ref = refOf(model);
    if (at && !this._looked.has(ref)) {
      this._looked.add(ref);
      await this._closeup(this._path, ref);
    } else if (!at) {
      this._looked.delete(ref);
    }
  }

  /** Hold a model's live traffic against what it was judged on. */
  async compareTraffic(name: string): Promise<void> {
    const path = this._path;
    this._set({ comparing: name, compared: '', problem: null });
    try {
      const compared = await this.api.compareTraffic(path, name);
      if (path === this._path) {
        this._set({ comparing: '', compared });
        await this.refresh();
      }
    } catch (error) {
      if (path === this._path) {
        this._set({ comparing: '', problem: toProblem(error) });
      }
    }
  }

  /** Open a drift report's page. */
  async openReport(report: ReportGlance): Promise<void> {
    try {
      const page = await this.api.report(this._path, report.report_id);
      this.show(`Drift: ${report.title}`, page);
    } catch (error) {
      this._set({ problem: toProblem(error) });
    }
  }

  async promote(model: ModelView, alias: Alias): Promise<void> {
    const ref = refOf(model);
    const sure = await this.ask.confirm(
      `Promote ${ref}`,
      `${ref} becomes the ${alias} of ${model.name}. It is written to the audit log.`,
      'Promote'
    );
    if (sure) {
      const blocked = await this._act(ref, path => this.api.promote(path, ref, alias));
      if (blocked) {
        await this._override(ref, alias, blocked);
      }
    }
  }

  async rollBack(model: ModelView, alias: Alias): Promise<void> {
    const reason = await this.ask.reason(
      `Roll ${model.name} back`,
      `The version that was ${alias} before ${refOf(model)} takes its place again. Why?`,
      'Roll back'
    );
    if (reason !== undefined) {
      await this._act(refOf(model), path => this.api.rollBack(path, model.name, alias, reason));
    }
  }

  async judge(model: ModelView, verdict: Approval['verdict']): Promise<void> {
    const ref = refOf(model);
    const [title, button] = verdict === 'approved' ? ['Approve', 'Approve'] : ['Reject', 'Reject'];
    const reason = await this.ask.reason(`${title} ${ref}`, 'What did you look at?', button);
    if (reason !== undefined) {
      await this._act(ref, path => this.api.judge(path, ref, verdict, reason));
    }
  }

  private async _closeup(path: string, ref: string): Promise<void> {
    try {
      const closeup = await this.api.closeup(path, ref);
      if (path === this._path) {
        this._set({ closeups: { ...this._state.closeups, [ref]: closeup } });
      }
    } catch (error) {
      if (path === this._path) {
        this._looked.delete(ref);
        this._set({ problem: toProblem(error) });
      }
    }
  }

  private async _override(ref: string, alias: Alias, problem: ApiProblem): Promise<void> {
    const reason = await this.ask.reason(
      `${ref} is blocked`,
      `${problem.message}. To promote it all the same, say why; the reason is shown wherever the version is.`,
      'Override'
    );
    if (reason) {
      await this._act(ref, path => this.api.promote(path, ref, alias, reason));
    }
  }

  /** Do it and read the project anew; return the problem where a rule said no that somebody may override. */
  private async _act(
    ref: string,
    act: (path: string) => Promise<void>
  ): Promise<ApiProblem | null> {
    const path = this._path;
    this._set({ busy: ref, problem: null });
    let problem: ApiProblem | null = null;
    try {
      await act(path);
    } catch (error) {
      problem = toProblem(error);
    }
    if (path === this._path) {
      this._set({ busy: '', problem });
      await this.refresh();
    }
    return problem?.code === BLOCKED ? problem : null;
  }

  private _set(change: Partial<VersionsState>): void {
    this._state = { ...this._state, ...change };
    this._listeners.forEach(listener => listener());
  }

  private _state: VersionsState = EMPTY;
  private _path = '';
  private _visible = false;
  private readonly _looked = new Set<string>();
  private readonly _listeners = new Set<() => void>();
}

export function refOf(model: { name: string; version: number }): string {
  return `${model.name}/${model.version}`;
}

/** `churn/3`, `people@4f2a1b3c`: what an event was about, without what its action says already. */
export function shortSubject(subject: string): string {
  const [, kind = '', name = subject, version = ''] = /^(\w+)\/([^@]*)(?:@(.*))?$/.exec(subject) ?? [];
  if (!version) {
    return name;
  }
  return kind === 'model' ? `${name}/${version}` : `${name}@${version.slice(0, 8)}`;
}

/** `1 of 2 approvals`, or nothing where none is asked for. */
export function approvalWords(model: ModelView): string {
  if (model.approvals_needed === 0) {
    return '';
  }
  const given = model.approvals.filter(each => each.verdict === 'approved').length;
  return `${given} of ${model.approvals_needed} approvals`;
}
