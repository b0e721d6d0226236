/** A hanging protocol: for which cases it is, and what stands in each cell (V-1). Data only. */
import type { WindowFunction } from '../frame';
import type { LayoutName } from '../layout';
import type { Turn } from '../turned';
import type { PlaneName } from '../volume/planes';
import type { Part } from './parts';

export interface SeriesFacts {
  study: string;
  series: string;
  number: number | null;
  modality: string | null;
  description: string | null;
  frames: number;
}

/** What is known of an exam before its images are looked at. */
export interface CaseFacts {
  modality: string | null;
  /** Code of the body part as the exam says it. */
  part: string | null;
  description: string | null;
  /** Days old at the exam; null when it is not known. */
  age: number | null;
  /** ISO 8601; null when it is not known. */
  date: string | null;
}

/** An earlier exam; `series` null until they are known. */
export interface PriorFacts extends CaseFacts {
  exam: number;
  series: SeriesFacts[] | null;
}

/** What is absent, or empty, is no condition. */
export interface When {
  modalities?: readonly string[];
  parts?: readonly Part[];
  /** Of the exam's description or that of a series: one of them is mentioned. */
  words?: readonly string[];
  /** Days old, the first included, the second not. */
  ages?: readonly [from: number | null, below: number | null];
}

/** Which series of a study. */
export interface Wanted {
  /** One of them must be mentioned. */
  words?: readonly string[];
  without?: readonly string[];
  /** Rather one that mentions one of these, or none of those. */
  rather?: readonly string[];
  ratherNot?: readonly string[];
  /** The n-th picture of the study, over all its series, from 0: radiographs often share a series. */
  picture?: number;
  /** The n-th series of the study, from 0. */
  nth?: number;
  /** Most like this one: of a protocol that a reader saved. */
  like?: { description: string; number: number | null; position: number };
}

/** `curved`: a CPR of the curve that was drawn in this case; where none was, the images with the request to draw it. */
export type CellView = 'images' | PlaneName | 'rendering' | 'curved';

/** What is asked of the viewer for it. */
export function viewRequest(view: CellView): { plane?: PlaneName; rendering?: true; curved?: true } {
  if (view === 'images') return {};
  if (view === 'rendering') return { rendering: true };
  return view === 'curved' ? { curved: true } : { plane: view };
}

export interface HungWindow {
  center: number;
  width: number;
  function?: WindowFunction;
}

export interface CellRule {
  series: Wanted;
  /** 0 the exam itself, n the n-th of its priors that can be compared, the newest first. */
  prior?: number;
  view?: CellView;
  /** By values, or by the id of a built-in preset, in place of which the reader's own of the same name stands; absent: as the header says. */
  window?: HungWindow | string;
  gamma?: number;
  inverted?: boolean;
  /** By quarters. */
  turn?: Turn;
}

export interface Protocol {
  id: string;
  zh: string;
  en: string;
  /** The reader's own: its cells stay where they are, filled or not. */
  own?: true;
  when: When;
  cells: readonly (CellRule | null)[];
  /** Of a built-in one, where it is not the smallest grid for the cells that are filled; by their number. */
  layouts?: Readonly<Record<number, LayoutName>>;
  layout?: LayoutName;
  /** So many different series of the exam itself must be there, at least. */
  needs?: number;
  active?: number;
  linked?: boolean;
}
