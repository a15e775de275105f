import type { Dialog } from '@jupyterlab/apputils';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { JSX } from 'react';
import { useState } from 'react';

import type { Kind, Tag } from '../notebook/tags';
import { subjectOf } from '../notebook/tags';

export interface Choice {
  kind: Kind | 'none';
  stage: string;
  model: string;
  dataset: string;
}

const KINDS: { kind: Choice['kind']; label: string; help: string }[] = [
  { kind: 'stage', label: 'Stage', help: 'a step of the pipeline; several cells may share one' },
  { kind: 'params', label: 'Parameters', help: 'values that a run may change' },
  { kind: 'setup', label: 'Setup', help: 'imports and definitions that every stage gets' },
  { kind: 'gate', label: 'Gate', help: 'conditions that a model must meet, one a line' },
  { kind: 'card', label: 'Card', help: 'what a model is for, and what it is not for, in words' },
  { kind: 'expect', label: 'Expect', help: 'what every version of a dataset has to look like' },
  { kind: 'skip', label: 'Skip', help: 'interactive only, never in the pipeline' },
  { kind: 'none', label: 'No tag', help: 'continues the stage above' }
];

export interface TagFormOptions {
  choice: Choice;
  cellType: string;
  stages: string[];
  models: string[];
  datasets: string[];
  problem: string;
}

/** The dialog's body: what is this cell for? */
export class TagForm
  extends ReactWidget
  implements Dialog.IBodyWidget<Choice>
{
  constructor(private readonly options: TagFormOptions) {
    super();
    this.addClass('mlops-TagForm');
    this._choice = options.choice;
  }

  getValue(): Choice {
    return this._choice;
  }

  protected override render(): JSX.Element {
    return (
      <Fields
        {...this.options}
        onChange={choice => {
          this._choice = choice;
        }}
      />
    );
  }

  private _choice: Choice;
}

export function toChoice(tag: Tag | null): Choice {
  const subject = subjectOf(tag?.kind);
  return {
    kind: tag?.kind ?? 'stage',
    stage: tag?.kind === 'stage' ? tag.name : '',
    model: tag && subject === 'model' ? tag.name : '',
    dataset: tag && subject === 'dataset' ? tag.name : ''
  };
}

export function toTag(choice: Choice): Tag | null {
  if (choice.kind === 'none') {
    return null;
  }
  const subject = subjectOf(choice.kind);
  const about = subject ? choice[subject].trim() : '';
  return {
    kind: choice.kind,
    name: choice.kind === 'stage' ? choice.stage.trim() : about
  };
}

/** What a cell of that type can be: raw cells don't run, and Markdown is for people. */
export function kindsFor(cellType: string): Choice['kind'][] {
  const kinds = KINDS.map(({ kind }) => kind);
  if (cellType === 'code') {
    return kinds;
  }
  const possible = cellType === 'raw' ? ['gate', 'card', 'expect', 'none'] : ['card', 'none'];
  return kinds.filter(kind => possible.includes(kind));
}

function Fields(
  props: TagFormOptions & { onChange: (choice: Choice) => void }
): JSX.Element {
  const [choice, setChoice] = useState(props.choice);
  const change = (part: Partial<Choice>) => {
    const next = { ...choice, ...part };
    setChoice(next);
    props.onChange(next);
  };
  const possible = kindsFor(props.cellType);
  const offered = KINDS.filter(({ kind }) => possible.includes(kind));
  return (
    <>
      {props.problem && (
        <p className="mlops-Note mlops-is-error" role="alert">
          {props.problem}
        </p>
      )}
      <fieldset>
        <legend>This cell is</legend>
        {offered.map(({ kind, label, help }) => (
          <div key={kind} className="mlops-Option">
            <label>
              <input
                type="radio"
                name="mlops-kind"
                value={kind}
                checked={choice.kind === kind}
                onChange={() => change({ kind })}
              />
              <span>
                <strong>{label}</strong> <span className="mlops-Help">
                  {kind === 'none' && props.cellType !== 'code' ? 'for people only' : help}
                </span>
              </span>
            </label>
            {kind === 'stage' && choice.kind === 'stage' && (
              <NameField
                id="mlops-stage-name"
                label="Name of the stage"
                value={choice.stage}
                known={props.stages}
                onChange={stage => change({ stage })}
              />
            )}
            {kind === 'expect' && choice.kind === kind && (
              <NameField
                id="mlops-dataset-name"
                label="Dataset"
                value={choice.dataset}
                known={props.datasets}
                onChange={dataset => change({ dataset })}
              />
            )}
            {subjectOf(kind) === 'model' && choice.kind === kind && (
              <NameField
                id="mlops-model-name"
                label="Model"
                value={choice.model}
                known={props.models}
                onChange={model => change({ model })}
              />
            )}
          </div>
        ))}
      </fieldset>
    </>
  );
}

function NameField(props: {
  id: string;
  label: string;
  value: string;
  known: string[];
  onChange: (value: string) => void;
}): JSX.Element {
  return (
    <div className="mlops-NameField">
      <input
        id={props.id}
        className="jp-mod-styled"
        type="text"
        aria-label={props.label}
        placeholder={props.label}
        value={props.value}
        list={`${props.id}-known`}
        autoComplete="off"
        spellCheck={false}
        autoFocus
        onChange={event => props.onChange(event.target.value)}
      />
      <datalist id={`${props.id}-known`}>
        {props.known.map(name => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </div>
  );
}
