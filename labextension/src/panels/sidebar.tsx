import { ReactWidget } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import type { JSX } from 'react';

import { Panel } from '../components/Panel';
import type { GoTo } from '../components/Problems';
import { mlopsIcon } from '../components/icons';
import type { Controller } from '../model/controller';
import type { Versions } from '../model/versions';

/** The panel in the left sidebar. */
export class Sidebar extends ReactWidget {
  constructor(
    private readonly controller: Controller,
    private readonly versions: Versions,
    private readonly goTo: GoTo
  ) {
    super();
    this.id = 'jupyter-mlops-sidebar';
    this.title.icon = mlopsIcon;
    this.title.caption = 'MLOps';
    this.addClass('mlops-Panel');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', 'MLOps');
  }

  protected override render(): JSX.Element {
    return <Panel controller={this.controller} versions={this.versions} goTo={this.goTo} />;
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this._show(true);
  }

  protected override onAfterHide(message: Message): void {
    super.onAfterHide(message);
    this._show(false);
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this._show(this.isVisible);
  }

  private _show(visible: boolean): void {
    this.controller.setVisible(visible);
    this.versions.setVisible(visible);
  }
}
