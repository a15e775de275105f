import { MainAreaWidget } from '@jupyterlab/apputils';
import { Widget } from '@lumino/widgets';

import { mlopsIcon } from '../components/icons';

/** A page in a tab of its own; in its frame nothing runs, and neither page's styles reach the other. */
export function reportTab(title: string, html: string): MainAreaWidget {
  const frame = document.createElement('iframe');
  frame.title = title;
  frame.setAttribute('sandbox', '');
  frame.srcdoc = html;
  frame.className = 'mlops-ReportFrame';
  const content = new Widget();
  content.node.append(frame);
  const tab = new MainAreaWidget({ content });
  tab.title.label = title;
  tab.title.icon = mlopsIcon;
  tab.title.closable = true;
  return tab;
}
