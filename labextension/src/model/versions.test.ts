import { beforeEach, expect, test } from 'vitest';

import type { VersionsApi } from '../api/client';
import { ApiError } from '../api/client';
import type { Closeup, ModelView, ProjectDocument, ReportGlance } from '../api/types';
import type { Ask } from './versions';
import { BLOCKED, Versions, approvalWords, shortSubject } from './versions';

class FakeServer implements VersionsApi {
  asked: string[] = [];
  projects: (ProjectDocument | Error)[] = [];
  refusals: Error[] = [];

  project(path: string): Promise<ProjectDocument> {
    this.asked.push(`project ${path}`);
    const answer = this.projects.shift() ?? PROJECT;
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  }

  promote(_: string, model: string, alias: string, override = ''): Promise<void> {
    return this._do(`promote ${model} ${alias} ${override}`);
  }

  rollBack(_: string, name: string, alias: string, reason: string): Promise<void> {
    return this._do(`roll back ${name} ${alias} ${reason}`);
  }

  judge(_: string, model: string, verdict: string, reason: string): Promise<void> {
    return this._do(`${verdict} ${model} ${reason}`);
  }

  closeup(_: string, model: string): Promise<Closeup> {
    const [name = '', version] = model.split('/');
    return this._do(`closeup ${model}`).then(() => ({
      model: name,
      version: Number(version),
      gates: [],
      logged: {},
      importance: null,
      data: []
    }));
  }

  compareTraffic(_: string, name: string): Promise<string> {
    return this._do(`compare ${name}`).then(() => '2 of 9 columns drifted');
  }

  report(_: string, id: string): Promise<string> {
    return this._do(`report ${id}`).then(() => '<p>page</p>');
  }

  private _do(what: string): Promise<void> {
    this.asked.push(what.trim());
    const refusal = this.refusals.shift();
    return refusal ? Promise.reject(refusal) : Promise.resolve();
  }
}

class Person implements Ask {
  asked: string[] = [];
  answers: (string | undefined)[] = [];

  confirm(title: string): Promise<boolean> {
    this.asked.push(title);
    return Promise.resolve(this.answers.shift() !== undefined);
  }

  reason(title: string, label: string): Promise<string | undefined> {
    this.asked.push(`${title}: ${label}`);
    return Promise.resolve(this.answers.shift());
  }
}

const CHURN: ModelView = {
  name: 'churn',
  version: 3,
  aliases: [],
  gate: 'failed',
  metrics: {},
  author: 'ann',
  created_at: '',
  approvals: [],
  approvals_needed: 0,
  retired: '',
  override: '',
  actions: ['promote']
};
const PROJECT: ProjectDocument = { user: 'ann', models: [CHURN], drift: [], traffic: [], audit: [] };

let server: FakeServer;
let person: Person;
let versions: Versions;
let pages: [string, string][];

beforeEach(async () => {
  server = new FakeServer();
  person = new Person();
  pages = [];
  versions = new Versions(server, person, (title, html) => pages.push([title, html]));
  versions.setVisible(true);
  versions.open('a.ipynb');
  await Promise.resolve();
  server.asked = [];
});

test('nothing is asked of the server while nobody looks', () => {
  versions.setVisible(false);
  versions.open('b.ipynb');
  expect(server.asked).toEqual([]);
  versions.setVisible(true);
  expect(server.asked).toEqual(['project b.ipynb']);
});

test('a promotion is confirmed, done, and then shown', async () => {
  person.answers = ['yes'];
  await versions.promote(CHURN, 'champion');
  expect(server.asked).toEqual(['promote churn/3 champion', 'project a.ipynb']);
  expect(versions.getState()).toMatchObject({ busy: '', problem: null });
});

test('a person who changes their mind changes nothing', async () => {
  person.answers = [undefined, undefined, undefined];
  await versions.promote(CHURN, 'champion');
  await versions.rollBack(CHURN, 'champion');
  await versions.judge(CHURN, 'approved');
  expect(server.asked).toEqual([]);
});

test('what a gate blocks may be overridden, with a reason', async () => {
  server.refusals = [new ApiError('accuracy >= 0.8: failed', '', BLOCKED)];
  person.answers = ['yes', 'the old one is down'];
  await versions.promote(CHURN, 'champion');
  expect(person.asked[1]).toContain('accuracy >= 0.8: failed');
  expect(server.asked).toContain('promote churn/3 champion the old one is down');
});

test('what the person may not do is said, and no override is offered', async () => {
  server.refusals = [new ApiError('ann may not promote churn', 'ask an admin', 'MLO520')];
  person.answers = ['yes'];
  await versions.promote(CHURN, 'champion');
  expect(person.asked).toHaveLength(1);
  expect(versions.getState().problem).toMatchObject({ hint: 'ask an admin' });
});

test('an answer for another project is not shown', async () => {
  server.projects = [new Error('late')];
  const late = versions.refresh();
  versions.open('b.ipynb');
  await late;
  expect(versions.getState().problem).toBeNull();
});

test('it follows the panel: another notebook, and the end of a run', () => {
  let state = { notebook: { path: 'a.ipynb' }, run: { status: 'running' } };
  let tell = () => undefined as void;
  versions.follow({ getState: () => state, subscribe: listener => ((tell = listener), () => undefined) });
  tell();
  tell();
  expect(server.asked).toEqual(['project a.ipynb']);
  state = { ...state, run: { status: 'succeeded' } };
  tell();
  tell();
  expect(server.asked).toEqual(['project a.ipynb', 'project a.ipynb']);
});

test('subjects are short, and what they name stays whole', () => {
  const digest = 'ab'.repeat(32);
  expect(shortSubject(`dataset/people@${digest}`)).toBe('people@abababab');
  expect(shortSubject('model/churn@12')).toBe('churn/12');
  expect(shortSubject('run/20261121-182157-387c92')).toBe('20261121-182157-387c92');
  expect(shortSubject('access')).toBe('access');
});

test('approvals are counted where some are asked for', () => {
  const approval = { author: 'bob', verdict: 'approved', reason: '', created_at: '' } as const;
  const asked = { ...CHURN, approvals_needed: 2, approvals: [approval] };
  expect(approvalWords(asked)).toBe('1 of 2 approvals');
  expect(approvalWords(CHURN)).toBe('');
});

test('a version is asked for when somebody looks at it, and again when the project changes', async () => {
  await versions.look(CHURN, true);
  await versions.look(CHURN, true);
  expect(server.asked).toEqual(['closeup churn/3']);
  expect(versions.getState().closeups['churn/3']).toMatchObject({ version: 3 });
  await versions.refresh();
  expect(server.asked.filter(each => each === 'closeup churn/3')).toHaveLength(2);
  await versions.look(CHURN, false);
  await versions.refresh();
  expect(server.asked.filter(each => each === 'closeup churn/3')).toHaveLength(2);
});

test('a version that cannot be read is said to be so, and asked for anew', async () => {
  server.refusals = [new ApiError('no such version')];
  await versions.look(CHURN, true);
  expect(versions.getState().problem?.message).toBe('no such version');
  await versions.look(CHURN, true);
  expect(versions.getState().closeups['churn/3']).toBeDefined();
});

test('traffic is compared once at a time, and what came of it is said', async () => {
  const done = versions.compareTraffic('churn');
  expect(versions.getState().comparing).toBe('churn');
  await done;
  expect(versions.getState()).toMatchObject({ comparing: '', compared: '2 of 9 columns drifted' });
  expect(server.asked).toEqual(['compare churn', 'project a.ipynb']);
  server.refusals = [new ApiError('churn was never served')];
  await versions.compareTraffic('churn');
  expect(versions.getState()).toMatchObject({ comparing: '', problem: { message: 'churn was never served' } });
});

test('a report opens in a page of its own', async () => {
  const report = { report_id: 'r1', title: 'live:churn against people' } as ReportGlance;
  await versions.openReport(report);
  expect(pages).toEqual([['Drift: live:churn against people', '<p>page</p>']]);
});
