import { LabIcon } from '@jupyterlab/ui-components';

const svg = (body: string, extra = '') =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"${extra}>${body}</svg>`;

/** Three stages, one after the other: the panel's own mark. */
export const mlopsIcon = new LabIcon({
  name: 'jupyter-mlops:pipeline',
  svgstr: svg(
    '<g class="jp-icon3" fill="#616161"><circle cx="5.5" cy="5.5" r="3.5"/><circle cx="18.5" cy="12" r="3.5"/><circle cx="5.5" cy="18.5" r="3.5"/>' +
      '<path d="M8.6 4.6c5 .3 6.3 2.2 7 4.6l-1.7.5c-.5-1.7-1.3-3-5.4-3.3zM8.5 19.4c5-.3 6.4-2.2 7.1-4.6l-1.7-.5c-.5 1.7-1.3 3-5.5 3.3z"/></g>'
  )
});

/** A label with a hole: the cell's tag. */
export const tagIcon = new LabIcon({
  name: 'jupyter-mlops:tag',
  svgstr: svg(
    '<path class="jp-icon3" fill="#616161" d="M21.4 11.6l-9-9A2 2 0 0 0 11 2H4a2 2 0 0 0-2 2v7c0 .5.2 1 .6 1.4l9 9a2 2 0 0 0 2.8 0l7-7a2 2 0 0 0 0-2.8zM13 20L4 11V4h7l9 9zM6.5 5A1.5 1.5 0 1 1 5 6.5 1.5 1.5 0 0 1 6.5 5z"/>'
  )
});
