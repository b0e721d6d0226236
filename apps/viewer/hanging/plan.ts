/** What stands in each cell for one case: the protocol that fits best and can be filled, filled. Pure and at once. */
import type { LayoutName } from '../layout';
import { builtInPreset, type OwnPreset } from '../presets';
import type { Turn } from '../turned';
import { comparable, seriesFor, type Chosen } from './choosing';
import { fittingOf, fitOf, kindOf, modalityOf, type Fit } from './fitting';
import type { CaseFacts, CellRule, CellView, HungWindow, PriorFacts, Protocol, SeriesFacts } from './protocol';

export interface PlannedCell {
  study: string;
  series: string;
  index?: number;
  view: CellView;
  window?: HungWindow;
  gamma?: number;
  inverted?: boolean;
  turn?: Turn;
  /** Number of the exam it is of when that is a prior. */
  prior?: number;
}

export interface Plan {
  protocol: Protocol;
  /** Null when it was chosen by hand though it does not fit. */
  fit: Fit | null;
  layout: LayoutName;
  cells: (PlannedCell | null)[];
  active: number;
  linked: boolean;
  /** Exams whose series must be known for the cells that are still missing, in the order in which they are wanted. */
  awaited: number[];
}

export interface Hangable {
  facts: CaseFacts;
  /** Those that can be shown. */
  series: readonly SeriesFacts[];
  /** Null while it is not known which there are. */
  priors: readonly PriorFacts[] | null;
  /** The reader's window presets. */
  presets?: readonly OwnPreset[];
}

const SMALLEST: readonly [number, LayoutName][] = [[1, '1x1'], [2, '1x2'], [4, '2x2'], [6, '2x3'], [9, '3x3'], [12, '3x4'], [16, '4x4']];
export const smallestGrid = (cells: number): LayoutName => (SMALLEST.find(([most]) => cells <= most) ?? SMALLEST[SMALLEST.length - 1] as [number, LayoutName])[1];

/** Images a series must have before a protocol of ours shows planes of it. */
const FOR_PLANES = 24;

function windowOf(rule: CellRule, modality: string | null, presets: readonly OwnPreset[]): HungWindow | undefined {
  if (typeof rule.window !== 'string') return rule.window;
  const usual = builtInPreset(rule.window);
  // A named window is one of CT numbers.
  if (!usual || modality !== 'CT') return undefined;
  const own = presets.find(({ name, window }) => window !== null && [usual.zh, usual.en.toLowerCase()].includes(name.trim().toLowerCase()));
  return own?.window ?? usual.window;
}

/** Null when a series the protocol cannot do without is not there. */
export function planOf(protocol: Protocol, fit: Fit | null, { facts, series, priors, presets = [] }: Hangable): Plan | null {
  const compared = priors === null ? [] : comparable(facts, series, priors);
  const awaited = new Set<number>();
  const own = new Set<string>();
  const fill = (rule: CellRule | null): PlannedCell | null => {
    if (!rule) return null;
    const prior = rule.prior ? compared[rule.prior - 1] : undefined;
    if (rule.prior && !prior) return null;
    if (prior && prior.series === null) awaited.add(prior.exam);
    const chosen: Chosen | null = seriesFor(rule.series, prior ? (prior.series ?? []) : series);
    if (!chosen) return null;
    // What would be computed from a few thick slices is no help.
    if (!protocol.own && (rule.view ?? 'images') !== 'images' && chosen.series.frames < FOR_PLANES) return null;
    if (!prior) own.add(chosen.series.series);
    const window = windowOf(rule, chosen.series.modality ?? facts.modality, presets);
    return {
      study: chosen.series.study, series: chosen.series.series, view: rule.view ?? 'images',
      ...(chosen.index === undefined ? {} : { index: chosen.index }), ...(window ? { window } : {}), ...(prior ? { prior: prior.exam } : {}),
      ...(rule.gamma === undefined ? {} : { gamma: rule.gamma }), ...(rule.inverted ? { inverted: true } : {}), ...(rule.turn ? { turn: rule.turn } : {}),
    };
  };
  const filled = protocol.cells.map(fill);
  if (own.size < (protocol.needs ?? 1)) return null;
  // A reader's own screen stays as it was saved; a built-in one has no use for empty cells.
  const cells = protocol.own ? filled : filled.filter((cell) => cell !== null);
  const layout = (protocol.own ? protocol.layout : protocol.layouts?.[cells.length]) ?? smallestGrid(cells.length);
  const wanted = protocol.active ?? 0;
  const active = cells[wanted] && cells[wanted].prior === undefined ? wanted : cells.findIndex((cell) => cell !== null && cell.prior === undefined);
  return { protocol, fit, layout, cells, active, linked: (protocol.linked ?? true) && cells.length > 1, awaited: [...awaited] };
}

/** The first protocol that fits and can be filled; null: none. */
export function hang(protocols: readonly Protocol[], around: Hangable): Plan | null {
  for (const { protocol, fit } of fittingOf(protocols, around.facts, around.series)) {
    const plan = planOf(protocol, fit, around);
    if (plan) return plan;
  }
  return null;
}

/** Every protocol that can be filled for the case: those that fit in the order in which they would be chosen, then the others of its modality. */
export function choices(protocols: readonly Protocol[], around: Hangable): Plan[] {
  const fitting = fittingOf(protocols, around.facts, around.series);
  const modality = modalityOf(around.facts, around.series);
  const mayBe = ({ when: { modalities } }: Protocol): boolean => !modalities?.length || modalities.some((one) => kindOf(one) === modality);
  const others = protocols.filter((one) => mayBe(one) && fitOf(one, around.facts, around.series) === null).map((protocol) => ({ protocol, fit: null }));
  return [...fitting, ...others].map(({ protocol, fit }) => planOf(protocol, fit, around)).filter((plan) => plan !== null);
}
