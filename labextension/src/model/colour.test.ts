import { expect, test } from 'vitest';

import { NEUTRAL, PALETTE, assignColours } from './colour';

/** Contrast of two colours by WCAG 2. */
function contrast(one: string, other: string): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high! + 0.05) / (low! + 0.05);
}

function luminance(hex: string): number {
  const [red, green, blue] = [1, 3, 5].map(start => {
    const part = parseInt(hex.slice(start, start + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

test.each([...PALETTE, NEUTRAL])('$light and $dark are readable under their text and seen on the page', colour => {
  expect(contrast(colour.light, '#ffffff')).toBeGreaterThanOrEqual(4.5);
  expect(contrast(colour.dark, '#111111')).toBeGreaterThanOrEqual(4.5);
});

test('a stage keeps its colour when another comes', () => {
  const before = assignColours(['load', 'train']);
  const after = assignColours(['load', 'train', 'report']);
  expect(after.get('load')).toEqual(before.get('load'));
  expect(after.get('train')).toEqual(before.get('train'));
});

test('ten stages have ten colours, and eleven do not hang', () => {
  const names = Array.from({ length: 11 }, (_, i) => `stage ${i}`);
  expect(new Set(assignColours(names.slice(0, 10)).values()).size).toBe(10);
  expect(assignColours(names).size).toBe(11);
});
