/** A colour for each stage: by its name, so that it keeps it when others come and go. */

export interface Colour {
  /** On a light page, with white text on it. */
  light: string;
  /** On a dark page, with black text on it. */
  dark: string;
}

export const PALETTE: readonly Colour[] = [
  { light: '#1d4ed8', dark: '#93c5fd' },
  { light: '#047857', dark: '#6ee7b7' },
  { light: '#b45309', dark: '#fcd34d' },
  { light: '#7e22ce', dark: '#d8b4fe' },
  { light: '#be123c', dark: '#fda4af' },
  { light: '#0e7490', dark: '#67e8f9' },
  { light: '#4d7c0f', dark: '#bef264' },
  { light: '#be185d', dark: '#f9a8d4' },
  { light: '#4338ca', dark: '#a5b4fc' },
  { light: '#9a3412', dark: '#fdba74' }
];

/** For what is no stage: parameters, setup, skipped cells, gates. */
export const NEUTRAL: Colour = { light: '#475569', dark: '#cbd5e1' };

/**
 * Give every name a colour, the same each time. A name whose colour is taken by one before it moves to the next free
 * one; only beyond ten names do two share one.
 */
export function assignColours(
  names: readonly string[]
): ReadonlyMap<string, Colour> {
  const taken = new Set<number>();
  const found = new Map<string, Colour>();
  for (const name of new Set(names)) {
    let slot = hash(name) % PALETTE.length;
    if (taken.size === PALETTE.length) {
      taken.clear();
    }
    while (taken.has(slot)) {
      slot = (slot + 1) % PALETTE.length;
    }
    taken.add(slot);
    found.set(name, PALETTE[slot]!);
  }
  return found;
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) {
    value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  }
  return value;
}
