/** Windows: from values to grey (PS3.3 C.11.2.1.2 and C.11.2.1.3), header windows, presets, automatic windows. */
import type { Frame, WindowFunction } from './frame';
import type { FramePixels } from './pixels';

export interface Window {
  center: number;
  width: number;
  function: WindowFunction;
}

export function windowFunction(name: string | null | undefined): WindowFunction {
  const upper = (name ?? '').trim().toUpperCase();
  return upper === 'LINEAR_EXACT' || upper === 'SIGMOID' ? upper : 'LINEAR';
}

/** A window that can be drawn: LINEAR needs a width of at least 1, the others more than 0 (C.11.2.1.2.1). */
export function validWindow(window: Window): Window {
  const least = window.function === 'LINEAR' ? 1 : 1e-6;
  return { ...window, width: Number.isFinite(window.width) ? Math.max(window.width, least) : least };
}

/** Grey 0…1 of one value; the formulae of the standard as they stand. */
export function greyOf(value: number, window: Window): number {
  const { center: c, width: w } = window;
  if (window.function === 'SIGMOID') return 1 / (1 + Math.exp((-4 * (value - c)) / w));
  if (window.function === 'LINEAR_EXACT') {
    if (value <= c - w / 2) return 0;
    if (value > c + w / 2) return 1;
    return (value - c) / w + 0.5;
  }
  if (value <= c - 0.5 - (w - 1) / 2) return 0;
  if (value > c - 0.5 + (w - 1) / 2) return 1;
  return (value - (c - 0.5)) / (w - 1) + 0.5;
}

/**
 * Points of the grey curve as [value, grey 0…1], rising in value. Straight windows need two; a sigmoid is sampled
 * where it still moves (beyond ± 2 widths it is within 0.0004 of its end).
 */
export function curvePoints(window: Window, inverted: boolean): [number, number][] {
  const shown = validWindow(window);
  const { center: c, width: w } = shown;
  let points: [number, number][];
  if (shown.function === 'SIGMOID') {
    const steps = 256;
    points = Array.from({ length: steps + 1 }, (_, i) => {
      const value = c - 2 * w + (4 * w * i) / steps;
      return [value, greyOf(value, shown)];
    });
  } else {
    const half = shown.function === 'LINEAR' ? (w - 1) / 2 : w / 2;
    const middle = shown.function === 'LINEAR' ? c - 0.5 : c;
    // A window of width 1 is a step just above its value: two points may not share one value.
    const upper = Math.max(middle + half, middle - half + Math.max(1e-3, Math.abs(middle) * 1e-6));
    points = [
      [middle - half, 0],
      [upper, 1],
    ];
  }
  return inverted ? points.map(([value, grey]) => [value, 1 - grey]) : points;
}

/** The windows of a frame's header that can be used, in the header's order. */
export function headerWindows(frame: Frame): (Window & { name: string })[] {
  return (frame.windows ?? [])
    .filter((given) => Number.isFinite(given.center) && Number.isFinite(given.width) && given.width > 0)
    .map((given) => ({
      ...validWindow({ center: given.center, width: given.width, function: windowFunction(given.function) }),
      name: given.explanation?.trim() ?? '',
    }));
}

/** Window over the 1st to 99th percentile of the values, padding left out; at most about 100 000 samples are looked at. */
export function automaticWindow(pixels: FramePixels): Window {
  const { values, padding, min, max } = pixels;
  const step = Math.max(1, Math.floor(values.length / 100_000));
  const sample: number[] = [];
  for (let i = 0; i < values.length; i += step) {
    const value = values[i] as number;
    if (value !== padding && Number.isFinite(value)) sample.push(value);
  }
  if (sample.length === 0) return { center: 0, width: 1, function: 'LINEAR_EXACT' };
  const sorted = Float64Array.from(sample).sort();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number;
  let [low, high] = [at(0.01), at(0.99)];
  if (!(high > low)) [low, high] = max > min ? [min, max] : [min - 0.5, min + 0.5];
  return { center: (low + high) / 2, width: high - low, function: 'LINEAR_EXACT' };
}

/** How an image is first shown: its header's first window, else from its values; colour is shown as it is. */
export function initialWindow(frame: Frame, pixels: FramePixels): Window {
  if (frame.samples === 3) return { center: 127.5, width: 255, function: 'LINEAR_EXACT' };
  const first = headerWindows(frame)[0];
  if (first) return { center: first.center, width: first.width, function: first.function };
  // An 8-bit picture without a window (secondary capture, ultrasound) is meant as stored.
  if (frame.bits === 8 && (frame.slope ?? 1) === 1 && (frame.intercept ?? 0) === 0 && !frame.signed) return { center: 127.5, width: 255, function: 'LINEAR_EXACT' };
  return automaticWindow(pixels);
}

export interface Preset {
  id: string;
  zh: string;
  en: string;
  /** The window, from the one the image opened with (some presets only widen or narrow it). */
  window(initial: Window): Window;
}

const fixed = (id: string, zh: string, en: string, center: number, width: number): Preset => ({
  id,
  zh,
  en,
  window: () => ({ center, width, function: 'LINEAR' }),
});

const scaled = (id: string, zh: string, en: string, factor: number): Preset => ({
  id,
  zh,
  en,
  window: (initial) => validWindow({ ...initial, width: initial.width * factor }),
});

/** CT windows in HU; the number keys 1…9 follow this order. */
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

/** Where values have no fixed scale (MR, radiography, …) a preset changes the contrast of the window in the header. */
const RELATIVE: Preset[] = [
  scaled('as-header', '原窗', 'As stored', 1),
  scaled('high-contrast', '高对比', 'High contrast', 0.6),
  scaled('low-contrast', '低对比', 'Low contrast', 1.6),
];

export function presetsOf(modality: string | null): Preset[] {
  return modality === 'CT' ? CT : RELATIVE;
}
