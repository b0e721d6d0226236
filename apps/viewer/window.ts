/** Windows: from values to grey (PS3.3 C.11.2.1.2 and C.11.2.1.3), header windows, automatic windows. */
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
