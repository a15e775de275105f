import { expect, test } from 'vitest';

import type { GraphDocument, Run } from '../api/types';
import { stageNodes, variablesOf } from './nodes';

const graph: GraphDocument = {
  notebook: 'churn.ipynb',
  params: {},
  stages: [
    { name: 'load', cells: [1, 2], upstream: [], inputs: [], outputs: ['raw'] },
    { name: 'train', cells: [3], upstream: ['load'], inputs: ['raw'], outputs: [] }
  ],
  edges: [{ source: 'load', target: 'train', variables: ['raw'] }],
  gates: [],
  setup: [],
  suggested: false,
  diagnostics: []
};

function run(...stages: Run['stages']): Run {
  return { run_id: 'r', status: 'running', notebook: 'churn.ipynb', stages };
}

test('without a run nothing has run', () => {
  expect(stageNodes(graph, null).map(node => [node.status, node.detail])).toEqual([
    ['none', 'not run yet'],
    ['none', 'not run yet']
  ]);
});

test("a run's states stand on its stages, with progress and time", () => {
  const [load, train] = stageNodes(
    graph,
    run(
      { name: 'load', status: 'executed', seconds: 1.23 },
      { name: 'train', status: 'running', cells_done: 1, cells_total: 4 }
    )
  );
  expect(load).toMatchObject({ status: 'executed', detail: 'executed · 1.2 s', progress: null });
  expect(train).toMatchObject({ status: 'running', detail: 'running 1/4 cells', progress: 0.25 });
});

test('a stage that came after the run has not run', () => {
  const nodes = stageNodes(graph, run({ name: 'load', status: 'cached' }));
  expect(nodes.map(node => node.detail)).toEqual(['cached', 'not run yet']);
});

test('the description says all of it in words', () => {
  const [load, train] = stageNodes(graph, null);
  expect(load!.description).toBe('Stage load, not run yet; cells 1–2; gives raw');
  expect(train!.description).toBe('Stage train, not run yet; cell 3; reads raw');
});

test('the variables of a stage: from whom, and what it gives', () => {
  expect(variablesOf(graph, 'train')).toEqual([
    { word: 'from load', names: 'raw' },
    { word: 'gives', names: 'nothing that another stage reads' }
  ]);
  expect(variablesOf(graph, 'load')).toEqual([{ word: 'gives', names: 'raw' }]);
  expect(variablesOf(graph, '')).toEqual([]);
});
