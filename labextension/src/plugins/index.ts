import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { INotebookTracker } from '@jupyterlab/notebook';

import { RestApi } from '../api/client';
import { mlopsIcon, tagIcon } from '../components/icons';
import { Controller } from '../model/controller';
import { Versions } from '../model/versions';
import { showBadges } from '../notebook/badges';
import { goToCell, openNotebook } from '../notebook/open';
import { ask } from '../panels/ask';
import { reportTab } from '../panels/report';
import { Sidebar } from '../panels/sidebar';
import { tagCell } from '../panels/tag-dialog';

const CATEGORY = 'MLOps';

/** The commands' names; keyboard shortcuts and menus may use them. */
export const CommandIDs = {
  show: 'mlops:show-panel',
  run: 'mlops:run',
  tagCell: 'mlops:tag-cell'
} as const;

export const plugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlops:plugin',
  description: "The notebook's pipeline: its graph, its tags, its runs.",
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ICommandPalette, ILayoutRestorer],
  activate
};

function activate(
  app: JupyterFrontEnd,
  tracker: INotebookTracker,
  palette: ICommandPalette | null,
  restorer: ILayoutRestorer | null
): void {
  const api = new RestApi(app.serviceManager.serverSettings);
  const controller = new Controller(api);
  const versions = new Versions(api, ask, (title, html) => app.shell.add(reportTab(title, html), 'main'));
  versions.follow(controller);
  const sidebar = new Sidebar(controller, versions, (cell, line) => {
    const panel = tracker.currentWidget;
    if (panel) {
      app.shell.activateById(panel.id);
      void goToCell(panel, cell, line);
    }
  });
  app.shell.add(sidebar, 'left', { rank: 450 });
  restorer?.add(sidebar, sidebar.id);

  follow(tracker, controller);
  tracker.widgetAdded.connect((_, panel) => showBadges(panel));
  tracker.forEach(showBadges);

  addCommands(app, tracker, controller, sidebar);
  for (const command of Object.values(CommandIDs)) {
    palette?.addItem({ command, category: CATEGORY });
  }
}

/** Keep the controller on the active notebook, from when its content is there. */
function follow(tracker: INotebookTracker, controller: Controller): void {
  const turn = (panel: NotebookPanel | null) => {
    controller.open(null);
    void panel?.context.ready.then(() => {
      if (tracker.currentWidget === panel && !panel.isDisposed) {
        controller.open(openNotebook(panel));
      }
    });
  };
  tracker.currentChanged.connect((_, panel) => turn(panel));
  tracker.widgetAdded.connect((_, panel) => {
    panel.context.pathChanged.connect(() => {
      if (tracker.currentWidget === panel) {
        turn(panel);
      }
    });
  });
  turn(tracker.currentWidget);
}

function addCommands(
  app: JupyterFrontEnd,
  tracker: INotebookTracker,
  controller: Controller,
  sidebar: Sidebar
): void {
  app.commands.addCommand(CommandIDs.show, {
    label: 'Show the MLOps Panel',
    icon: mlopsIcon,
    execute: () => app.shell.activateById(sidebar.id)
  });
  app.commands.addCommand(CommandIDs.run, {
    label: 'Run the Pipeline of This Notebook',
    isEnabled: () => controller.state.notebook !== null,
    execute: async () => {
      app.shell.activateById(sidebar.id);
      await controller.run();
    }
  });
  const taggable = () => tracker.activeCell !== null;
  app.commands.addCommand(CommandIDs.tagCell, {
    label: args => (args['toolbar'] ? '' : 'Tag Cell for the Pipeline…'),
    caption: 'Tag this cell for the pipeline',
    icon: args => (args['isMenu'] ? undefined : tagIcon),
    isEnabled: taggable,
    isVisible: taggable,
    execute: async () => {
      const notebook = tracker.currentWidget?.content;
      if (notebook) {
        await tagCell(notebook);
      }
    }
  });
  const refresh = () => app.commands.notifyCommandChanged(CommandIDs.tagCell);
  tracker.activeCellChanged.connect(refresh);
  controller.subscribe(() => app.commands.notifyCommandChanged(CommandIDs.run));
}
