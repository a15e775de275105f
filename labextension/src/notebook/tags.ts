/**
 * Read and write a cell's tag: its first line (`%%mlops stage train`) or its metadata. The line wins, as it does in
 * jupyter_mlops/notebook/tags.py; a cell that has the line is edited there, so that there is one truth.
 */

export const KINDS = ['stage', 'params', 'setup', 'skip', 'gate', 'card', 'expect'] as const;
export type Kind = (typeof KINDS)[number];

export interface Tag {
  kind: Kind;
  /** The stage's name, or what a gate, card or expectation is about; empty for the other kinds. */
  name: string;
}

export interface TaggedCell {
  cellType: string;
  source: string;
  metadata: Readonly<Record<string, unknown>>;
}

export interface CellEdit {
  source: string;
  metadata: Record<string, unknown>;
}

const MAGIC = /^((?:[ \t]*\r?\n)*)[ \t]*%%mlops((?:[ \t][^\n]*?)?)(\r?\n|$)/;
const PARAMETERS = 'parameters';
const STAGE_NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_-]{0,63}$/u;
const MODEL_NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_.-]{0,127}$/u;

/** What a kind is about, by the key that metadata names it by; what such a cell says isn't Python. */
export function subjectOf(kind: unknown): 'model' | 'dataset' | null {
  if (kind === 'expect') {
    return 'dataset';
  }
  return kind === 'gate' || kind === 'card' ? 'model' : null;
}

export function readTag(cell: TaggedCell): Tag | null {
  if (cell.cellType === 'markdown') {
    // Markdown can be the text of a model's card, and nothing else.
    const card = cell.metadata['mlops'];
    return isObject(card) && card.kind === 'card' ? toTag('card', card.model) : null;
  }
  const line = MAGIC.exec(cell.source);
  if (line) {
    return parseWords(words(line[2]));
  }
  const own = cell.metadata['mlops'];
  if (isObject(own)) {
    const name = own[subjectOf(own.kind) ?? 'name'];
    return toTag(own.kind, name);
  }
  return tagList(cell.metadata).includes(PARAMETERS)
    ? { kind: 'params', name: '' }
    : null;
}

export function hasMagic(cell: TaggedCell): boolean {
  return MAGIC.test(cell.source);
}

/**
 * Return the cell with `tag` in place of the one it has; `null` clears it. What else a stage's tag says (retries,
 * timeout) stays as long as the cell stays a stage.
 *
 * What is about a model or a dataset is always written as the line in a code cell: what it says is no Python.
 */
export function writeTag(cell: TaggedCell, tag: Tag | null): CellEdit {
  const metadata = withoutTag(cell.metadata);
  const line = cell.cellType === 'markdown' ? null : MAGIC.exec(cell.source);
  if (line && tag === null) {
    return { source: cell.source.slice(line[0].length), metadata };
  }
  if (line && tag !== null) {
    const before = words(line[2]);
    const options =
      before[0] === 'stage' && tag.kind === 'stage' ? optionsOf(before) : [];
    const rest = cell.source.slice(line[0].length);
    return {
      source: line[1] + magic(tag, options) + line[3] + rest,
      metadata
    };
  }
  if (tag !== null && subjectOf(tag.kind) && cell.cellType === 'code') {
    return { source: `${magic(tag, [])}\n${cell.source}`, metadata };
  }
  if (tag === null) {
    return { source: cell.source, metadata };
  }
  return {
    source: cell.source,
    metadata: { ...metadata, ...toMetadata(tag, cell, metadata) }
  };
}

/** Say what is wrong with a tag's name, or nothing. */
export function nameProblem(tag: Tag): string {
  if (tag.kind === 'stage' && !STAGE_NAME.test(tag.name)) {
    return tag.name
      ? `“${tag.name}” can't name a stage: use letters, digits, _ and -, 64 at most.`
      : 'Give the stage a name.';
  }
  const subject = subjectOf(tag.kind);
  if (subject && !MODEL_NAME.test(tag.name)) {
    if (tag.name) {
      return `“${tag.name}” can't name a ${subject}: use letters, digits, _, - and .`;
    }
    return subject === 'model'
      ? `Name the model that the ${tag.kind} is for.`
      : 'Name the dataset that this is expected of.';
  }
  return '';
}

/** The names that a notebook's tags of one kind have, in page order. */
export function namesOf(kind: Kind, tags: readonly (Tag | null)[]): string[] {
  const names = tags
    .filter(tag => tag !== null && tag.kind === kind)
    .map(tag => tag!.name);
  return [...new Set(names)];
}

function toTag(kind: unknown, name: unknown): Tag | null {
  if (!KINDS.includes(kind as Kind)) {
    return null;
  }
  const named = kind === 'stage' || subjectOf(kind) !== null;
  if (named && (typeof name !== 'string' || !name)) {
    return null;
  }
  return { kind: kind as Kind, name: named ? (name as string) : '' };
}

function parseWords(found: string[]): Tag | null {
  const name = found.slice(1).find(word => !word.startsWith('-'));
  return toTag(found[0], name);
}

function words(text: string | undefined): string[] {
  return (text ?? '').trim().split(/\s+/).filter(Boolean);
}

function optionsOf(found: string[]): string[] {
  const name = found.findIndex((word, i) => i > 0 && !word.startsWith('-'));
  return found.filter((_, i) => i > 0 && i !== name);
}

function magic(tag: Tag, options: string[]): string {
  return ['%%mlops', tag.kind, tag.name, ...options].filter(Boolean).join(' ');
}

function toMetadata(
  tag: Tag,
  cell: TaggedCell,
  rest: Readonly<Record<string, unknown>>
): Record<string, unknown> {
  if (tag.kind === 'params') {
    return { tags: [...tagList(rest), PARAMETERS] };
  }
  const subject = subjectOf(tag.kind);
  if (subject) {
    return { mlops: { kind: tag.kind, [subject]: tag.name } };
  }
  if (tag.kind !== 'stage') {
    return { mlops: { kind: tag.kind } };
  }
  const before = cell.metadata['mlops'];
  const kept = isObject(before) && before.kind === 'stage' ? before : {};
  return { mlops: { ...kept, kind: 'stage', name: tag.name } };
}

function withoutTag(
  metadata: Readonly<Record<string, unknown>>
): Record<string, unknown> {
  const { mlops: _, tags: __, ...rest } = metadata;
  const tags = tagList(metadata).filter(name => name !== PARAMETERS);
  return tags.length > 0 ? { ...rest, tags } : rest;
}

function tagList(metadata: Readonly<Record<string, unknown>>): string[] {
  const tags = metadata['tags'];
  return Array.isArray(tags) ? tags.filter(t => typeof t === 'string') : [];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
