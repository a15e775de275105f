import { Dialog, InputDialog, showDialog } from '@jupyterlab/apputils';

import type { Ask } from '../model/versions';

/** Ask in JupyterLab's own dialogs. */
export const ask: Ask = {
  async confirm(title, text, button) {
    const answer = await showDialog({
      title,
      body: text,
      buttons: [Dialog.cancelButton(), Dialog.okButton({ label: button })]
    });
    return answer.button.accept;
  },

  async reason(title, label, button) {
    const answer = await InputDialog.getText({ title, label, okLabel: button, required: true });
    const text = answer.value?.trim();
    return answer.button.accept && text ? text : undefined;
  }
};
