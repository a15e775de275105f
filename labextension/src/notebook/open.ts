import type { Cell } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';

import type { NotebookContent } from '../api/types';
import type { OpenNotebook } from '../model/controller';

/** Show an open notebook to the controller. */
export function openNotebook(panel: NotebookPanel): OpenNotebook {
  const { context } = panel;
  return {
    path: context.localPath,
    name: context.localPath.split('/').pop() ?? context.localPath,
    content: () => content(panel),
    save: () => context.save(),
    listen: changed => listen(panel, changed)
  };
}

/** Scroll to a cell, select it, and put the cursor in its line where one is named. */
export async function goToCell(
  panel: NotebookPanel,
  index: number,
  line?: number | null
): Promise<void> {
  const notebook = panel.content;
  const cell = notebook.widgets[index];
  if (!cell) {
    return;
  }
  notebook.activeCellIndex = index;
  await notebook.scrollToCell(cell, 'smart');
  if (line) {
    await showLine(cell, line);
  }
  cell.node.classList.remove('mlops-flash');
  // Reading the layout between the two makes the browser play the animation again.
  void cell.node.offsetWidth;
  cell.node.classList.add('mlops-flash');
}

async function showLine(cell: Cell, line: number): Promise<void> {
  await cell.ready;
  const position = { line: line - 1, column: 0 };
  cell.editor?.setCursorPosition(position);
  cell.editor?.revealPosition(position);
}

function content(panel: NotebookPanel): NotebookContent {
  const model = panel.content.model;
  const cells = model ? Array.from(model.cells) : [];
  return {
    nbformat: model?.nbformat ?? 4,
    nbformat_minor: model?.nbformatMinor ?? 5,
    metadata: { ...model?.metadata },
    cells: cells.map(cell => ({
      id: cell.id,
      cell_type: cell.type,
      source: cell.sharedModel.getSource(),
      metadata: { ...cell.metadata }
    }))
  };
}

function listen(panel: NotebookPanel, changed: () => void): () => void {
  const model = panel.content.model;
  // Of a cell's metadata the notebook's own signal says nothing.
  const follow = () => {
    for (const cell of model?.cells ?? []) {
      cell.metadataChanged.disconnect(changed);
      cell.metadataChanged.connect(changed);
    }
  };
  const onCells = () => {
    follow();
    changed();
  };
  follow();
  model?.contentChanged.connect(changed);
  model?.cells.changed.connect(onCells);
  return () => {
    if (!model || model.isDisposed) {
      return;
    }
    model.contentChanged.disconnect(changed);
    model.cells.changed.disconnect(onCells);
    for (const cell of model.cells) {
      cell.metadataChanged.disconnect(changed);
    }
  };
}
