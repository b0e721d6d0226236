/**
 * From values to grey: window or VOI LUT, then gamma, then inversion – as samples for the graphics card. The samples lie on the values that
 * pixels can have, so that each of them gets exactly its grey and nothing between two samples is guessed.
 */
import { lutGrey, lutRange, type VoiLut } from './lut';
import { greyOf, validWindow, type Window } from './window';

export const GAMMA = { least: 0.2, none: 1, most: 5 } as const;

export interface Grey {
  window: Window;
  /** Drawn instead of the window. */
  lut: VoiLut | null;
  /** grey' = grey^(1/gamma): above 1 brighter, below 1 darker. */
  gamma: number;
}

/** The values that pixels can have: start + n × step. */
export interface Grid {
  start: number;
  step: number;
}

export interface Samples {
  /** The texture's ends: sample i is for the value from + (i + ½) × (to − from) / n. */
  from: number;
  to: number;
  /** Grey 0…1, inverted or not. */
  greys: Float32Array;
}

/** A gamma that can be drawn; what is no number means none. */
export function validGamma(gamma: number): number {
  return Number.isFinite(gamma) ? Math.min(Math.max(gamma, GAMMA.least), GAMMA.most) : GAMMA.none;
}

/** The next step of a key: a tenth brighter or darker, and never past "none" unnoticed. */
export function nextGamma(gamma: number, step: 1 | -1): number {
  const next = validGamma(Math.round(gamma * 1.1 ** step * 100) / 100);
  return (gamma - GAMMA.none) * (next - GAMMA.none) < 0 || Math.abs(next - GAMMA.none) < 0.04 ? GAMMA.none : next;
}

/** Grey 0…1 of a value, gamma included, before inversion. */
export function greyAt(value: number, { window, lut, gamma }: Grey): number {
  const grey = lut ? lutGrey(lut, value) : greyOf(value, window);
  return gamma === GAMMA.none ? grey : grey ** (1 / gamma);
}

/** Values between which the grey changes (a sigmoid: beyond them it is within half a grey level of its ends). */
function rangeOf({ window, lut, gamma }: Grey): [number, number] {
  if (lut) return lutRange(lut);
  const { center, width } = window;
  if (window.function === 'SIGMOID') {
    const half = (width / 4) * Math.max(8, 6.3 * gamma);
    return [center - half, center + half];
  }
  const half = window.function === 'LINEAR' ? (width - 1) / 2 : width / 2;
  const middle = window.function === 'LINEAR' ? center - 0.5 : center;
  return [middle - half, middle + half];
}

/** Enough for what is straight; what bends gets a sample for each value as far as `most` (the card's widest texture) allows. */
const USUAL = 1024;
const ENDS = 4;

export function samplesOf(given: Grey, inverse: boolean, grid: Grid, most: number): Samples {
  const grey = { ...given, window: validWindow(given.window) };
  const [from, to] = rangeOf(grey);
  const limit = grey.gamma === GAMMA.none && !grey.lut ? Math.min(USUAL, most) : most;
  const values = (to - from) / grid.step;
  let { start, step } = grid;
  if (values > limit - ENDS) {
    start = from;
    step = (to - from) / (limit - ENDS);
  } else {
    // Between two values there are only those of enlarged pixels; steps must stay above what the card can tell apart.
    const finest = (Math.max(Math.abs(from), Math.abs(to)) * 1e-6) / step;
    step /= Math.max(1, Math.floor(Math.min((USUAL - ENDS) / (values + ENDS), 1 / finest)));
  }
  const first = Math.floor((from - start) / step) - 1;
  const last = Math.ceil((to - start) / step) + 1;
  const greys = new Float32Array(last - first + 1);
  for (let i = 0; i < greys.length; i += 1) {
    const level = greyAt(start + (first + i) * step, grey);
    greys[i] = inverse ? 1 - level : level;
  }
  const edge = start + (first - 0.5) * step;
  return { from: edge, to: edge + greys.length * step, greys };
}
