/** What the server sends: the records of jupyter_mlops/records, as JSON. */

export type StageStatus =
  | 'pending'
  | 'running'
  | 'executed'
  | 'cached'
  | 'failed'
  | 'skipped';

export type RunStatus = 'running' | 'succeeded' | 'failed';

export interface Stage {
  name: string;
  /** 0-based indexes in the notebook's cell list. */
  cells: number[];
  upstream: string[];
  inputs: string[];
  outputs: string[];
}

export interface Edge {
  source: string;
  target: string;
  variables: string[];
}

export interface Gate {
  model: string;
  conditions: string[];
  cell: number;
}

export interface Diagnostic {
  rule: string;
  message: string;
  mend: string;
  cell?: number | null;
  line?: number | null;
  severity?: string;
  merge?: string[];
}

export interface GraphDocument {
  notebook: string;
  params: Record<string, unknown>;
  stages: Stage[];
  edges: Edge[];
  gates: Gate[];
  setup: number[];
  suggested: boolean;
  diagnostics: Diagnostic[];
}

export interface StageError {
  type: string;
  message: string;
  /** 0-based index of the original notebook's cell. */
  cell?: number | null;
  /** 1-based line in that cell. */
  line?: number | null;
  traceback?: string;
}

/** One stage of a run; what has its default isn't sent. */
export interface StageRun {
  name: string;
  status: StageStatus;
  seconds?: number;
  executed?: string;
  reason?: string;
  cells_done?: number;
  cells_total?: number;
  error?: StageError | null;
}

export interface NamedVersion {
  name: string;
  version: string | number;
}

/** Where a figure stands on its axis: all places are shares of the picture's width. */
export interface Bar {
  at: number;
  ends: [number, number] | null;
  /** What the figure is held against. */
  mark: number | null;
  /** No difference. */
  zero: number | null;
  /** The stretch on which the condition holds. */
  holds: [number, number] | null;
  /** Where the figure is drawn from, where it is an amount. */
  base: number | null;
  /** The same for a screen reader. */
  words: string;
}

export interface ConditionView {
  text: string;
  status: 'passed' | 'failed' | 'not evaluated';
  optional: boolean;
  figure: string;
  threshold: string;
  interval: string;
  test: string;
  reason: string;
  bar: Bar | null;
}

export interface Point {
  label: string;
  figure: string;
  interval: string;
  rows: string;
  tag: string;
  bar: Bar | null;
}

export interface Chart {
  title: string;
  points: Point[];
  /** Both ends of the axis in words; empty where each point has its own. */
  ends: string[];
  note: string;
}

/** Charts that belong together, folded in unless they are to be seen. */
export interface Section {
  title: string;
  summary: string;
  charts: Chart[];
  opened: boolean;
}

/** What the picture of a gate shows, worded and measured out by the server. */
export interface GateView {
  model: string;
  version: number;
  passed: boolean;
  title: string;
  count: string;
  context: string;
  conditions: ConditionView[];
  sections: Section[];
  notes: string[];
}

/** A gate of a run; of older runs in a list there is no view. */
export interface Evaluation {
  model: string;
  version: number;
  passed: boolean;
  view?: GateView;
}

export interface Run {
  run_id: string;
  status: RunStatus;
  notebook: string;
  stages: StageRun[];
  datasets?: NamedVersion[];
  models?: NamedVersion[];
  gates?: Evaluation[];
  metrics?: Record<string, number | null>;
  params?: Record<string, unknown>;
  created_at?: string;
  finished_at?: string;
  /** There where the run's process ended before it could say how. */
  error?: ApiProblem;
}

/** Where a version stands, and who said what about it. */
export interface ModelView {
  name: string;
  version: number;
  aliases: string[];
  /** What its newest gates said; empty where none was run. */
  gate: 'passed' | 'failed' | '';
  metrics: Record<string, number | null>;
  author: string;
  created_at: string;
  approvals: Approval[];
  /** How many people other than the author must approve before it may be champion. */
  approvals_needed: number;
  /** Why it is out of use; empty where it isn't. */
  retired: '' | 'superseded' | 'failed' | 'collected';
  /** Why it became champion against its gates; empty where it didn't. */
  override: string;
  /** What this person may do about it. */
  actions: Action[];
}

/** A version that somebody looks at. */
export interface Closeup {
  model: string;
  version: number;
  gates: GateView[];
  /** What the notebook logged. */
  logged: Record<string, number | null>;
  importance: Section | null;
  data: DataStanding[];
}

/** Whether a dataset version behind a model is as expected; null where nothing is expected of it. */
export interface DataStanding {
  name: string;
  version: string;
  use: string;
  passed: boolean | null;
  verdict: string;
  failures: string[];
}

export interface ColumnGlance {
  name: string;
  verdict: string;
  tone: 'drifted' | 'small-change' | 'same' | 'unknown';
  effect: string;
  /** The effect as a share of what is by custom a large one. */
  share: number;
  p_value: string;
}

export interface ReportGlance {
  report_id: string;
  created_at: string;
  author: string;
  drifted: boolean;
  title: string;
  summary: string;
  /** The worst ones. */
  columns: ColumnGlance[];
  /** How many more were compared. */
  rest: number;
}

/** A model that was served; what its traffic is held against is empty where there is nothing. */
export interface Traffic {
  model: string;
  requests: number;
  reference: string;
}

export type Action = 'promote' | 'roll back' | 'approve' | 'reject';

export interface Approval {
  author: string;
  verdict: 'approved' | 'rejected';
  reason: string;
  created_at: string;
}

export interface AuditEvent {
  seq: number;
  at: string;
  actor: string;
  action: string;
  subject: string;
  phase: 'intent' | 'done' | 'failed' | 'denied';
  reason: string;
}

/** What the sidebar shows of the project beside the notebook. */
export interface ProjectDocument {
  /** Who the server takes this person for. */
  user: string;
  models: ModelView[];
  /** The newest drift reports first. */
  drift: ReportGlance[];
  traffic: Traffic[];
  /** The newest events first. */
  audit: AuditEvent[];
}

export type Alias = 'champion' | 'challenger' | 'shadow';

export interface ApiProblem {
  message: string;
  hint?: string;
  code?: string;
}

/** The part of a notebook file that the graph hangs on; outputs stay at home. */
export interface NotebookContent {
  nbformat: number;
  nbformat_minor: number;
  metadata: Record<string, unknown>;
  cells: NotebookCell[];
}

export interface NotebookCell {
  id: string;
  cell_type: string;
  source: string;
  metadata: Record<string, unknown>;
}
