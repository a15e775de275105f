import { readFileSync } from 'node:fs';

import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { expect, test } from 'vitest';

import type { GateView, Section } from '../api/types';
import { Charts } from './Charts';
import { GatePicture } from './GatePicture';

// What the server's own tests hold it to.
const GATE: GateView = JSON.parse(
  readFileSync(new URL('../../../tests/golden/gate_view.json', import.meta.url), 'utf-8')
);
const drawn = renderToStaticMarkup(createElement(GatePicture, { gate: GATE }));
const read = (markup: string): string =>
  markup
    .replace(/<wbr\/>|<title>.*?<\/title>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&gt;/g, '>')
    .replace(/&lt;/g, '<')
    .replace(/\s+/g, ' ');

test('every word that the server sends is shown', () => {
  const text = read(drawn);
  for (const each of GATE.conditions) {
    for (const word of [each.text, each.status, each.figure, each.interval, each.test, each.reason]) {
      expect(text).toContain(word);
    }
  }
  const points = GATE.sections.flatMap(section => section.charts.flatMap(chart => chart.points));
  for (const word of [
    GATE.context,
    'optional',
    ...GATE.notes,
    ...GATE.sections.map(section => section.summary),
    ...points.flatMap(point => [point.label, point.figure, point.interval, point.tag])
  ]) {
    expect(text).toContain(word);
  }
});

test('every bar has its words, and its marks where the server measured them out', () => {
  const bars = [...drawn.matchAll(/<svg class="mlops-Bar".*?<\/svg>/g)].map(([svg]) => svg);
  const views = [
    ...GATE.conditions.map(condition => condition.bar),
    ...GATE.sections.flatMap(section => section.charts.flatMap(chart => chart.points.map(point => point.bar)))
  ].filter(bar => bar !== null);
  expect(bars).toHaveLength(views.length);
  views.forEach((view, i) => {
    expect(bars[i]).toContain(`aria-label="${view.words}"`);
    const [, at = ''] = /<circle[^>]*cx="([\d.]+)%"/.exec(bars[i] ?? '') ?? [];
    expect(Number(at)).toBeCloseTo(2 + 96 * view.at, 6);
    expect(bars[i]?.includes('mlops-Bar-mark')).toBe(view.mark !== null);
    expect(bars[i]?.includes('mlops-Bar-holds')).toBe(view.holds !== null);
    expect(bars[i]?.includes('mlops-Bar-zero')).toBe(view.zero !== null);
  });
});

test('what is to be seen is unfolded', () => {
  const section: Section = { title: 'By sex', summary: '', charts: [], opened: true };
  expect(renderToStaticMarkup(createElement(Charts, { section }))).toContain('open=""');
  expect(renderToStaticMarkup(createElement(Charts, { section: { ...section, opened: false } }))).not.toContain(
    'open=""'
  );
});
