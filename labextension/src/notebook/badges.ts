import type { NotebookPanel } from '@jupyterlab/notebook';

import { NEUTRAL, assignColours } from '../model/colour';
import { badgeText, labels } from './labels';
import { openNotebook } from './open';
import { namesOf, readTag } from './tags';

/** Show each cell's stage on the cell, and keep it so; the page's style reads the attributes set here. */
export function showBadges(panel: NotebookPanel): void {
  void panel.context.ready.then(() => {
    if (panel.isDisposed) {
      return;
    }
    let waiting = 0;
    const schedule = () => {
      cancelAnimationFrame(waiting);
      waiting = requestAnimationFrame(() => draw(panel));
    };
    const unlisten = openNotebook(panel).listen(schedule);
    panel.disposed.connect(() => {
      cancelAnimationFrame(waiting);
      unlisten();
    });
    draw(panel);
  });
}

function draw(panel: NotebookPanel): void {
  if (panel.isDisposed) {
    return;
  }
  const { widgets } = panel.content;
  const cells = widgets.map(({ model }) => {
    const cellType = model.type;
    const source = model.sharedModel.getSource();
    return { cellType, tag: readTag({ cellType, source, metadata: model.metadata }) };
  });
  const colours = assignColours(
    namesOf(
      'stage',
      cells.map(cell => cell.tag)
    )
  );
  labels(cells).forEach((label, i) => {
    const { node } = widgets[i]!;
    node.classList.toggle('mlops-cell', label !== null);
    if (!label) {
      delete node.dataset.mlopsKind;
      delete node.dataset.mlopsBadge;
      return;
    }
    const colour = colours.get(label.tag.name) ?? NEUTRAL;
    const isStage = label.tag.kind === 'stage';
    node.style.setProperty('--mlops-light', (isStage ? colour : NEUTRAL).light);
    node.style.setProperty('--mlops-dark', (isStage ? colour : NEUTRAL).dark);
    node.dataset.mlopsKind = label.tag.kind;
    if (label.own) {
      node.dataset.mlopsBadge = badgeText(label.tag);
    } else {
      delete node.dataset.mlopsBadge;
    }
  });
}
