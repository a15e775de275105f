import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { Cell } from '@jupyterlab/cells';
import type { Notebook } from '@jupyterlab/notebook';

import type { Choice } from '../components/TagForm';
import { TagForm, toChoice, toTag } from '../components/TagForm';
import type { CellEdit, Tag, TaggedCell } from '../notebook/tags';
import { nameProblem, namesOf, readTag, writeTag } from '../notebook/tags';

/** Ask what the active cell is for, and write it down in the cell. */
export async function tagCell(notebook: Notebook): Promise<void> {
  const cell = notebook.activeCell;
  if (!cell) {
    return;
  }
  const before = readTag(view(cell));
  const tags = notebook.widgets.map(widget => readTag(view(widget)));
  let choice = toChoice(before);
  if (cell.model.type !== 'code' && before === null) {
    choice = { ...choice, kind: cell.model.type === 'raw' ? 'gate' : 'card' };
  }
  const tag = await ask(choice, cell.model.type, tags);
  if (tag !== undefined && !cell.isDisposed) {
    apply(cell, writeTag(view(cell), tag));
  }
}

/** Ask until the answer is one that can be written; undefined means the person changed their mind. */
async function ask(
  first: Choice,
  cellType: string,
  tags: (Tag | null)[]
): Promise<Tag | null | undefined> {
  let choice = first;
  let problem = '';
  for (;;) {
    const body = new TagForm({
      choice,
      cellType,
      stages: namesOf('stage', tags),
      models: [...new Set([...namesOf('gate', tags), ...namesOf('card', tags)])],
      datasets: namesOf('expect', tags),
      problem
    });
    const result = await showDialog<Choice>({
      title: 'Tag cell',
      body,
      buttons: [Dialog.cancelButton(), Dialog.okButton({ label: 'Tag' })],
      focusNodeSelector: ['stage', 'gate', 'card', 'expect'].includes(choice.kind)
        ? '.mlops-NameField input'
        : 'input:checked'
    });
    if (!result.button.accept || result.value === null) {
      return undefined;
    }
    choice = result.value;
    const tag = toTag(choice);
    problem = tag === null ? '' : nameProblem(tag);
    if (!problem) {
      return tag;
    }
  }
}

function view(cell: Cell): TaggedCell {
  return {
    cellType: cell.model.type,
    source: cell.model.sharedModel.getSource(),
    metadata: cell.model.metadata
  };
}

function apply(cell: Cell, edit: CellEdit): void {
  const { model } = cell;
  // One step for undo, and one change for whoever listens.
  model.sharedModel.transact(() => {
    if (edit.source !== model.sharedModel.getSource()) {
      model.sharedModel.setSource(edit.source);
    }
    for (const key of ['mlops', 'tags']) {
      if (key in edit.metadata) {
        model.setMetadata(key, edit.metadata[key]);
      } else if (model.getMetadata(key) !== undefined) {
        model.deleteMetadata(key);
      }
    }
  });
}
