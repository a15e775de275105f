/** Which stage each cell belongs to, so that the page shows it as the pipeline sees it. */

import type { Tag } from './tags';

export interface Label {
  tag: Tag;
  /** False where the cell continues the stage above it. */
  own: boolean;
}

export interface LabelledCell {
  cellType: string;
  tag: Tag | null;
}

/** Give every cell its label: its own tag, or that of the stage that an untagged code cell continues. */
export function labels(cells: readonly LabelledCell[]): (Label | null)[] {
  let stage: Tag | null = null;
  return cells.map(({ cellType, tag }) => {
    if (tag) {
      stage = tag.kind === 'stage' ? tag : stage;
      return { tag, own: true };
    }
    return cellType === 'code' && stage ? { tag: stage, own: false } : null;
  });
}

/** The words on a cell's badge. */
export function badgeText(tag: Tag): string {
  switch (tag.kind) {
    case 'stage':
      return tag.name;
    case 'gate':
    case 'card':
    case 'expect':
      return `${tag.kind}: ${tag.name}`;
    case 'params':
      return 'parameters';
    default:
      return tag.kind;
  }
}
