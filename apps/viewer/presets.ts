/** Windows to choose from: the reader's own by modality and series description, the usual ones, and those of the header. */
import { explained } from './explanations';
import { lutName, type VoiLut } from './lut';
import { headerWindows, validWindow, windowFunction, type Window } from './window';
import type { Frame, WindowFunction } from './frame';

/** A preset of the reader's own, as kept by ris (`window-presets`). */
export interface OwnPreset {
  name: string;
  /** Empty: every one. */
  modality: string;
  /** Of the series description: `*` any text, `?` one character, case ignored; empty: every one. */
  pattern: string;
  /** Null: as the image's header says. */
  window: { center: number; width: number; function?: WindowFunction } | null;
  gamma: number;
  /** Applied by itself when a series that fits is opened. */
  automatic: boolean;
}

/** What is known of a series before its images are looked at. */
export interface SeriesFacts {
  modality: string | null;
  description: string | null;
}

/** What a preset sets; what is absent stays as it is. */
export interface Choice {
  window?: Window;
  lut?: VoiLut;
  /** Back to what the header of each image says. */
  header?: true;
  gamma?: number;
}

export interface Preset {
  id: string;
  zh: string;
  en: string;
  /** The reader's own. */
  own?: true;
  /** From the window the image opened with (some presets only widen or narrow it). */
  choice(initial: Window): Choice;
}

/** Whether the whole text fits the pattern; takes at most length × length steps. */
export function fitsPattern(pattern: string, text: string): boolean {
  const [wanted, given] = [[...pattern.trim().toLowerCase()], [...text.trim().toLowerCase()]];
  let [at, next] = [0, 0];
  let star = -1;
  let resume = 0;
  while (at < given.length) {
    if (wanted[next] === '*') {
      star = next;
      next += 1;
      resume = at;
    } else if (next < wanted.length && (wanted[next] === '?' || wanted[next] === given[at])) {
      next += 1;
      at += 1;
    } else if (star >= 0) {
      next = star + 1;
      resume += 1;
      at = resume;
    } else return false;
  }
  while (wanted[next] === '*') next += 1;
  return next === wanted.length;
}

export function fitsSeries(preset: Pick<OwnPreset, 'modality' | 'pattern'>, series: SeriesFacts): boolean {
  const modality = preset.modality.trim().toUpperCase();
  if (modality !== '' && modality !== (series.modality ?? '').trim().toUpperCase()) return false;
  return preset.pattern.trim() === '' || fitsPattern(preset.pattern, series.description ?? '');
}

const fixed = (id: string, zh: string, en: string, center: number, width: number): Preset => ({ id, zh, en, choice: () => ({ window: { center, width, function: 'LINEAR' } }) });

const scaled = (id: string, zh: string, en: string, factor: number): Preset => ({ id, zh, en, choice: (initial) => ({ window: validWindow({ ...initial, width: initial.width * factor }) }) });

/** CT windows in HU. */
const CT: Preset[] = [
  fixed('mediastinum', '纵隔', 'Mediastinum', 40, 400),
  fixed('lung', '肺', 'Lung', -600, 1500),
  fixed('bone', '骨', 'Bone', 400, 1800),
  fixed('brain', '脑', 'Brain', 35, 80),
  fixed('newborn-brain', '新生儿脑', 'Newborn brain', 30, 60),
  fixed('abdomen', '腹部', 'Abdomen', 50, 350),
  fixed('liver', '肝', 'Liver', 70, 150),
  fixed('vessels', '血管', 'Vessels', 200, 700),
  fixed('temporal-bone', '颞骨', 'Temporal bone', 600, 4000),
];

/** Names and window of a built-in CT preset. */
export function builtInPreset(id: string): { zh: string; en: string; window: Window } | null {
  const found = CT.find((preset) => preset.id === id);
  const window = found?.choice({ center: 0, width: 1, function: 'LINEAR' }).window;
  return found && window ? { zh: found.zh, en: found.en, window } : null;
}

/** Where values have no fixed scale (MR, radiography, …) a preset changes the contrast of the window in the header. */
const RELATIVE: Preset[] = [
  scaled('as-header', '原窗', 'As stored', 1),
  scaled('high-contrast', '高对比', 'High contrast', 0.6),
  scaled('low-contrast', '低对比', 'Low contrast', 1.6),
];

function ownPreset(preset: OwnPreset, position: number): Preset {
  const { window, name, gamma } = preset;
  const choice: Choice = window ? { window: validWindow({ ...window, function: windowFunction(window.function) }), gamma } : { header: true, gamma };
  return { id: `own-${position}`, zh: name, en: name, own: true, choice: () => choice };
}

/** Windows and tables of the header, where there is more than the one it opens with. */
function headerPresets(frame: Frame | null): Preset[] {
  if (!frame) return [];
  const windows = headerWindows(frame);
  const luts = frame.luts ?? [];
  if (windows.length + luts.length < 2 && luts.length === 0) return [];
  return [
    ...windows.map(({ name, ...window }, i): Preset => ({ id: `header-${i}`, ...explained(name, { zh: `原窗 ${i + 1}`, en: `Stored ${i + 1}` }), choice: () => ({ window }) })),
    ...luts.map((lut): Preset => ({ id: `lut-${lut.position}`, ...explained(lut.name, { zh: lutName(lut), en: lutName(lut) }), choice: () => ({ lut }) })),
  ];
}

/** All presets for a series, in the order of the number keys 1…9: the reader's own first. */
export function presetsOf(series: SeriesFacts, frame: Frame | null, own: readonly OwnPreset[]): Preset[] {
  const header = headerPresets(frame);
  const usual = series.modality === 'CT' ? CT : RELATIVE;
  return [
    ...own.map((preset, position) => ({ preset, position })).filter(({ preset }) => fitsSeries(preset, series)).map(({ preset, position }) => ownPreset(preset, position)),
    // What the header itself offers by name need not stand there twice.
    ...(header.length > 0 ? usual.filter(({ id }) => id !== 'as-header') : usual),
    ...header,
  ];
}

/** The reader's first preset that applies by itself to such a series. */
export function automaticChoice(series: SeriesFacts, own: readonly OwnPreset[]): Choice | null {
  const position = own.findIndex((preset) => preset.automatic && fitsSeries(preset, series));
  return position < 0 ? null : ownPreset(own[position] as OwnPreset, position).choice({ center: 0, width: 1, function: 'LINEAR' });
}
