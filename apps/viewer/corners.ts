/** What stands in the four corners (V-26): lines by name, so that a department can choose them. */
import type { FilterSetting } from './filter';
import type { Frame } from './frame';
import { ageAt, ageWords } from '../desk/age';
import { dateText, dicomAge, personName, sexText } from './patient';
import { GAMMA } from './curve';
import type { VoiLut } from './lut';
import type { Window } from './window';
import { isStraight, shortTurn } from './turned';
import { say, type Language } from './words';

/** Facts about the examination for the corners; from the desk or from the node's summary. */
export interface CaseInfo {
  patient?: {
    name?: string | null;
    patient_id?: string | null;
    sex?: string | null;
    birth_date?: string | null;
    /** DICOM AS, used when there is no birth date. */
    age?: string | null;
  };
  institution?: string | null;
  study_date?: string | null;
  study_description?: string | null;
  accession?: string | null;
  modality?: string | null;
  series_number?: number | string | null;
  series_description?: string | null;
  /** Codes of the node about the study and series, beside those of the stream. */
  warnings?: string[];
}

export interface CornerFacts {
  info: CaseInfo;
  frame: Frame;
  position: number;
  count: number;
  window: Window;
  /** Drawn instead of the window. */
  lut: VoiLut | null;
  gamma: number;
  inverted: boolean;
  /** Screen pixels (CSS) for one image pixel. */
  zoom: number;
  /** 1 mm of the patient is 1 mm on the glass; of the detector where that is what is known. */
  trueSize: 'patient' | 'detector' | null;
  hover: string;
  filter: FilterSetting | null;
  /** The images that the planes beside them are made of. */
  received: boolean;
  /** Clockwise, degrees. */
  rotation: number;
  /** Who marked it as a key image, '' here; null: nobody. */
  key?: string | null;
  /** Place of the patient under the pointer. */
  place: string;
}

export type CornerItem =
  | 'patient' | 'identity' | 'institution' | 'accession'
  | 'plane' | 'filter' | 'key' | 'rotation' | 'study' | 'studyDate' | 'modality'
  | 'series' | 'image' | 'location' | 'size'
  | 'hover' | 'place' | 'window' | 'zoom';

export type Corner = 'topLeft' | 'topRight' | 'bottomLeft' | 'bottomRight';
export type CornerLayout = Record<Corner, CornerItem[]>;

export const DEFAULT_CORNERS: CornerLayout = {
  topLeft: ['patient', 'identity', 'accession'],
  topRight: ['institution', 'study', 'studyDate'],
  bottomLeft: ['key', 'filter', 'rotation', 'plane', 'series', 'image', 'location'],
  bottomRight: ['place', 'hover', 'zoom', 'window'],
};

/** Lines that a small cell leaves out; the patient, the image number and the window always stay. */
export const MINOR: ReadonlySet<CornerItem> = new Set(['accession', 'study', 'institution', 'location', 'zoom', 'hover', 'place', 'size']);

const joined = (...parts: (string | number | null | undefined)[]): string => parts.filter((part) => part !== null && part !== undefined && part !== '').join('  ');

/** Numbers of a window as they are read: whole where that is exact enough. */
export function windowNumber(value: number): string {
  return Math.abs(value) >= 20 || Number.isInteger(value) ? String(Math.round(value)) : value.toPrecision(3);
}

/** What the greys are made by: window or VOI LUT, gamma, inversion. */
export function windowText(facts: Pick<CornerFacts, 'window' | 'lut' | 'gamma' | 'inverted'>, language: Language): string {
  const { window, lut, gamma, inverted } = facts;
  const values = lut ? `LUT ${lut.name || lut.position + 1}` : joined(`W ${windowNumber(window.width)}  L ${windowNumber(window.center)}`, window.function === 'SIGMOID' ? 'SIGMOID' : '');
  return joined(values, gamma === GAMMA.none ? '' : `γ ${gamma.toFixed(2)}`, inverted ? say('inverted', language) : '');
}

const FILTER_WORDS = { sharpen: 'sharpened', smooth: 'smoothed', edge: 'edges' } as const;

const SLABS = { mean: 'slabMean', max: 'slabMax', min: 'slabMin' } as const;

/** A computed picture says so, and how, and the received images beside it what they are: 冠状位 斜位 重建 MIP 10 mm; CPR 拉直 · 30°  曲线长 84.2 mm. */
function planeText({ frame: { plane, curved, thickness }, received }: CornerFacts, language: Language): string {
  const made = plane ?? curved;
  if (!made) return received ? say('received', language) : '';
  const slab = made.slab === null ? '' : `${say(SLABS[made.slab], language)} ${Number((thickness ?? 0).toFixed(1))} mm`;
  if (curved) return joined(`CPR ${say(curved.mode, language)} · ${curved.angle}°`, slab, `${say('curveLength', language)} ${curved.length.toFixed(1)} mm`);
  if (!plane) return '';
  return joined(say(plane.name, language), plane.turned ? say('oblique', language) : '', say('reformatted', language), slab);
}

const ITEMS: Record<CornerItem, (facts: CornerFacts, language: Language) => string> = {
  patient: ({ info }, language) => personName(info.patient?.name, language),
  identity: ({ info }, language) =>
    joined(
      sexText(info.patient?.sex, language),
      ageWords(ageAt(info.patient?.birth_date, info.study_date), language) || dicomAge(info.patient?.age, language),
      info.patient?.patient_id,
    ),
  accession: ({ info }) => info.accession ?? '',
  institution: ({ info }) => info.institution ?? '',
  study: ({ info }) => joined(info.modality, info.study_description),
  studyDate: ({ info }) => dateText(info.study_date),
  modality: ({ info }) => info.modality ?? '',
  series: ({ info }, language) => joined(info.series_number === null || info.series_number === undefined ? '' : `${say('series', language)} ${info.series_number}`, info.series_description),
  image: ({ position, count, frame }, language) =>
    // The pictures of a CPR are the angles about its curve.
    frame.curved ? '' : joined(`${say('image', language)} ${position + 1}/${count}`, frame.number !== null && frame.number !== position + 1 ? `#${frame.number}` : ''),
  location: ({ frame }, language) =>
    joined(
      frame.laterality === 'U' ? '' : frame.laterality, // U: unpaired, nothing to say
      frame.slice_location === null || frame.slice_location === undefined ? '' : `${say('position', language)} ${frame.slice_location.toFixed(1)}`,
      frame.thickness && !frame.plane && !frame.curved ? `${say('thickness', language)} ${Number(frame.thickness.toFixed(2))} mm` : '',
    ),
  filter: ({ filter }, language) => (filter ? `${say(FILTER_WORDS[filter.name], language)} ${filter.strength}` : ''),
  // Along the screen's edges the letters say it all.
  rotation: ({ rotation }, language) => (isStraight(rotation) ? '' : `${say('turned', language)} ${shortTurn(rotation)}°`),
  key: ({ key }, language) => (key === null || key === undefined ? '' : [`★ ${say('keyImage', language)}`, key].filter(Boolean).join(' · ')),
  plane: planeText,
  size: ({ frame }) => `${frame.columns}×${frame.rows}`,
  hover: ({ hover }) => hover,
  place: ({ place }) => place,
  window: (facts, language) => windowText(facts, language),
  zoom: ({ zoom, trueSize }, language) =>
    joined(`${say('zoom', language)} ${Math.round(zoom * 100)}%`, trueSize && say(trueSize === 'detector' ? 'trueSizeDetector' : 'trueSize', language)),
};

export function cornerText(item: CornerItem, facts: CornerFacts, language: Language): string {
  return ITEMS[item](facts, language);
}
