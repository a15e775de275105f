import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type {
  Alias,
  ApiProblem,
  Approval,
  Closeup,
  GraphDocument,
  NotebookContent,
  ProjectDocument,
  Run
} from './types';

/** What the panel asks of the server. */
export interface Api {
  graph(path: string, content: NotebookContent): Promise<GraphDocument>;
  start(path: string): Promise<string>;
  run(path: string, runId: string): Promise<Run>;
  runs(path: string): Promise<Run[]>;
  stop(path: string, runId: string): Promise<void>;
}

/** What the models' part of the panel asks; `path` is a notebook of the project, `model` is `name/version`. */
export interface VersionsApi {
  project(path: string): Promise<ProjectDocument>;
  promote(path: string, model: string, alias: Alias, override?: string): Promise<void>;
  rollBack(path: string, name: string, alias: Alias, reason: string): Promise<void>;
  judge(path: string, model: string, verdict: Approval['verdict'], reason: string): Promise<void>;
  closeup(path: string, model: string): Promise<Closeup>;
  /** Hold a model's live traffic against what it was judged on; return what the report says in a sentence. */
  compareTraffic(path: string, name: string): Promise<string>;
  /** A drift report's page. */
  report(path: string, reportId: string): Promise<string>;
}

/** An answer that says no, in words. */
export class ApiError extends Error implements ApiProblem {
  constructor(
    message: string,
    readonly hint: string = '',
    readonly code: string = ''
  ) {
    super(message);
  }
}

/** Talk to the server extension over REST. */
export class RestApi implements Api, VersionsApi {
  constructor(private readonly settings: ServerConnection.ISettings) {}

  async graph(path: string, content: NotebookContent): Promise<GraphDocument> {
    return this.ask<GraphDocument>('graph', 'POST', { path, content });
  }

  async start(path: string): Promise<string> {
    const answer = await this.ask<{ run_id: string }>('runs', 'POST', { path });
    return answer.run_id;
  }

  async run(path: string, runId: string): Promise<Run> {
    return this.ask<Run>(this.runUrl(path, runId), 'GET');
  }

  async runs(path: string): Promise<Run[]> {
    const url = `runs?path=${encodeURIComponent(path)}`;
    return (await this.ask<{ runs: Run[] }>(url, 'GET')).runs;
  }

  async stop(path: string, runId: string): Promise<void> {
    await this.ask(this.runUrl(path, runId), 'DELETE');
  }

  async project(path: string): Promise<ProjectDocument> {
    return this.ask<ProjectDocument>(`project?path=${encodeURIComponent(path)}`, 'GET');
  }

  async promote(path: string, model: string, alias: Alias, override?: string): Promise<void> {
    await this.ask('promotions', 'POST', { path, model, alias, override });
  }

  async rollBack(path: string, name: string, alias: Alias, reason: string): Promise<void> {
    await this.ask('rollbacks', 'POST', { path, name, alias, reason });
  }

  async judge(
    path: string,
    model: string,
    verdict: Approval['verdict'],
    reason: string
  ): Promise<void> {
    await this.ask('approvals', 'POST', { path, model, verdict, reason });
  }

  async closeup(path: string, model: string): Promise<Closeup> {
    const query = `path=${encodeURIComponent(path)}&model=${encodeURIComponent(model)}`;
    return this.ask<Closeup>(`version?${query}`, 'GET');
  }

  async compareTraffic(path: string, name: string): Promise<string> {
    const answer = await this.ask<{ summary: string }>('drift-reports', 'POST', { path, model: name });
    return answer.summary;
  }

  async report(path: string, reportId: string): Promise<string> {
    const url = `drift-reports/${encodeURIComponent(reportId)}?path=${encodeURIComponent(path)}`;
    return (await this.ask<{ html: string }>(url, 'GET')).html;
  }

  private runUrl(path: string, runId: string): string {
    return `runs/${encodeURIComponent(runId)}?path=${encodeURIComponent(path)}`;
  }

  private async ask<T>(
    url: string,
    method: string,
    body?: object
  ): Promise<T> {
    const address = URLExt.join(this.settings.baseUrl, 'jupyter-mlops');
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(
        `${address}/${url}`,
        { method, body: body && JSON.stringify(body) },
        this.settings
      );
    } catch {
      throw new ApiError(
        "The Jupyter server doesn't answer",
        'look whether it still runs'
      );
    }
    const document = await response.json().catch(() => null);
    if (response.ok && document !== null) {
      return document as T;
    }
    if (document?.message) {
      throw new ApiError(document.message, document.hint, document.code);
    }
    throw new ApiError(
      `The server answered ${response.status} ${response.statusText}`,
      response.status === 404
        ? 'enable it: jupyter server extension enable jupyter_mlops.interfaces.server'
        : "its log has the reason"
    );
  }
}
