import { beforeEach, expect, test } from 'vitest';

import type { VersionsApi } from '../api/client';
import { ApiError } from '../api/client';
import type { ModelView, ProjectDocument } from '../api/types';
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
const PROJECT: ProjectDocument = { user: 'ann', models: [CHURN], audit: [] };

let server: FakeServer;
let person: Person;
let versions: Versions;

beforeEach(async () => {
  server = new FakeServer();
  person = new Person();
  versions = new Versions(server, person);
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
