/** Hanging protocols of a reader's own: as ris keeps them (`hanging-protocols`), as rules, and made from what is on the screen. */
import { isLayout, type LayoutName } from '../layout';
import { quarterOf, sameTurn, UPRIGHT, type Turn } from '../turned';
import { comparable, inOrder } from './choosing';
import { wordsOf } from './mention';
import { PARTS, type Part } from './parts';
import type { CaseFacts, CellRule, CellView, HungWindow, PriorFacts, Protocol, SeriesFacts } from './protocol';

/** A cell as it is kept: turned by quarters, as far as its images suit other patients. */
export interface KeptCell extends Turn {
  series: { description: string; number: number | null; position: number };
  /** 0 the exam itself, n its n-th comparable prior. */
  prior: number;
  view: CellView;
  window: HungWindow | null;
  gamma: number;
  inverted: boolean;
}

/** A protocol as it is kept; an empty text, or null, is no condition. */
export interface OwnProtocol {
  name: string;
  modality: string;
  body_part: string;
  words: string;
  /** Days, the first included, the second not. */
  age_from: number | null;
  age_below: number | null;
  layout: LayoutName;
  linked: boolean;
  active: number;
  cells: (KeptCell | null)[];
}

export interface OwnProtocols {
  protocols: OwnProtocol[];
  /** Whether a protocol is chosen by itself when a case is opened. */
  automatic: boolean;
}

export const NO_PROTOCOLS: OwnProtocols = { protocols: [], automatic: true };

/** What a view of the screen shows, as the viewer says it. */
export interface ScreenCell extends Turn {
  study: string;
  series: string;
  view: CellView;
  /** The reader's, or the protocol's; null: as the header says. */
  window: HungWindow | null;
  gamma: number;
  inverted: boolean;
}

export interface Screen {
  layout: LayoutName;
  active: number;
  linked: boolean;
  cells: (ScreenCell | null)[];
}

const ruleOf = ({ series, prior, view, window, gamma, inverted, rotation = 0, mirrored = false }: KeptCell): CellRule => ({
  series: { like: series }, prior, view, ...(window ? { window } : {}), ...(gamma === 1 ? {} : { gamma }), ...(inverted ? { inverted } : {}),
  ...(sameTurn({ rotation, mirrored }, UPRIGHT) ? {} : { turn: { rotation, mirrored } }),
});

export function protocolOf(own: OwnProtocol, place: number): Protocol {
  const part = PARTS.find((one) => one === own.body_part);
  const { age_from: from, age_below: below } = own;
  return {
    id: `own-${place}`, zh: own.name, en: own.name, own: true,
    when: {
      ...(own.modality ? { modalities: [own.modality] } : {}), ...(part ? { parts: [part] } : {}), words: wordsOf(own.words),
      ...(from === null && below === null ? {} : { ages: [from, below] as const }),
    },
    layout: isLayout(own.layout) ? own.layout : '1x1', linked: own.linked, active: own.active, cells: own.cells.map((cell) => cell && ruleOf(cell)),
  };
}

/**
 * What is on the screen, by what its series are called and which prior they are of. A series of an exam that is not compared with goes
 * out; a window is kept where values mean the same for every patient.
 */
export function cellsOf(screen: Screen, facts: CaseFacts, series: readonly SeriesFacts[], priors: readonly PriorFacts[]): (KeptCell | null)[] {
  const compared = comparable(facts, series, priors);
  const studies = [series, ...compared.map((prior) => prior.series ?? [])];
  return screen.cells.map((cell) => {
    if (!cell) return null;
    const prior = studies.findIndex((study) => study.some((one) => one.series === cell.series));
    const study = inOrder(studies[prior] ?? []);
    const position = study.findIndex((one) => one.series === cell.series);
    const found = study[position];
    if (!found) return null;
    return {
      series: { description: (found.description ?? '').slice(0, 64), number: found.number, position }, prior, view: cell.view,
      window: found.modality === 'CT' ? cell.window : null, gamma: cell.gamma, inverted: cell.inverted, ...quarterOf(cell),
    };
  });
}

/** Bands that a children's centre reads by; days. */
export const AGE_BANDS: readonly [from: number | null, below: number | null][] = [[null, 29], [29, 366], [366, 1096], [1096, 2192], [2192, 4383], [4383, null]];

export const bandOf = (age: number | null): [number | null, number | null] => {
  const found = age === null ? undefined : AGE_BANDS.find(([from, below]) => (from === null || age >= from) && (below === null || age < below));
  return found ? [found[0], found[1]] : [null, null];
};

/** Fields that ris would refuse. */
export function faultsOf(own: OwnProtocol): ('name' | 'ages' | 'cells')[] {
  const { name, age_from: from, age_below: below } = own;
  const day = (one: number | null): boolean => one === null || (Number.isInteger(one) && one >= 0 && one <= 45_000);
  return [
    ...(name.trim() === '' || [...name.trim()].length > 40 ? ['name' as const] : []),
    ...(day(from) && day(below) && (from === null || below === null || from < below) ? [] : ['ages' as const]),
    ...(own.cells.some((cell) => cell !== null && cell.prior === 0) ? [] : ['cells' as const]),
  ];
}

export type { Part };
