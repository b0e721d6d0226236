/**
 * Sharpening, smoothing and edges (V-21): on the modality values of the image, so that they are the same at every zoom, and before
 * the window. Measurements go on reading the unfiltered values.
 */
import type { Frame } from './frame';
import type { FramePixels, PixelArray } from './pixels';

export const FILTERS = ['sharpen', 'smooth', 'edge'] as const;
export type FilterName = (typeof FILTERS)[number];

export interface FilterSetting {
  name: FilterName;
  /** 1 … 10. */
  strength: number;
}

export const STRONGEST = 10;

export function isFilter(data: unknown): data is FilterSetting {
  const one = data as Partial<FilterSetting> | null;
  return typeof one === 'object' && one !== null && FILTERS.includes(one.name as FilterName) && Number.isFinite(one.strength) && (one.strength as number) >= 1 && (one.strength as number) <= STRONGEST;
}

/** Weights of a Gaussian, to three standard deviations; their sum is 1. */
export function gaussian(sigma: number): Float32Array {
  const reach = Math.max(1, Math.ceil(3 * sigma));
  const weights = Float32Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-((i - reach) ** 2) / (2 * sigma * sigma)));
  const sum = weights.reduce((all, one) => all + one, 0);
  return weights.map((one) => one / sum);
}

/** Along rows, then along columns; beyond the edge the edge goes on. `channels` values stand together. */
export function blurred(values: ArrayLike<number>, rows: number, columns: number, sigma: number, channels = 1): Float32Array {
  const weights = gaussian(sigma);
  const reach = (weights.length - 1) / 2;
  const between = new Float32Array(values.length);
  const out = new Float32Array(values.length);
  const pass = (from: ArrayLike<number>, to: Float32Array, lines: number, length: number, stride: number, jump: number): void => {
    for (let line = 0; line < lines; line += 1) {
      for (let channel = 0; channel < channels; channel += 1) {
        const base = line * jump + channel;
        for (let at = 0; at < length; at += 1) {
          let sum = 0;
          for (let k = -reach; k <= reach; k += 1) {
            const place = at + k < 0 ? 0 : at + k >= length ? length - 1 : at + k;
            sum += (weights[k + reach] as number) * (from[base + place * stride] as number);
          }
          to[base + at * stride] = sum;
        }
      }
    }
  };
  pass(values, between, rows, columns, channels, columns * channels);
  pass(between, out, columns, rows, columns * channels, channels);
  return out;
}

/** Length of the Sobel gradient, per pixel; the outermost pixels take their neighbours'. */
export function edges(values: ArrayLike<number>, rows: number, columns: number): Float32Array {
  const out = new Float32Array(values.length);
  const at = (x: number, y: number): number => values[Math.min(Math.max(y, 0), rows - 1) * columns + Math.min(Math.max(x, 0), columns - 1)] as number;
  for (let y = 0; y < rows; y += 1) {
    for (let x = 0; x < columns; x += 1) {
      const dx = at(x + 1, y - 1) + 2 * at(x + 1, y) + at(x + 1, y + 1) - at(x - 1, y - 1) - 2 * at(x - 1, y) - at(x - 1, y + 1);
      const dy = at(x - 1, y + 1) + 2 * at(x, y + 1) + at(x + 1, y + 1) - at(x - 1, y - 1) - 2 * at(x, y - 1) - at(x + 1, y - 1);
      out[y * columns + x] = Math.hypot(dx, dy) / 8;
    }
  }
  return out;
}

/** What is drawn instead of the pixels. Padding stays padding, and does not bleed into its neighbours. */
export function filtered(frame: Frame, pixels: FramePixels, { name, strength }: FilterSetting): PixelArray {
  const { values, padding } = pixels;
  const { rows, columns, samples } = frame;
  if (samples === 3) return colour(values, rows, columns, { name, strength });
  const source = padding === null ? values : Float32Array.from(values, (value) => (value === padding ? pixels.min : value));
  const out = Float32Array.from(source);
  if (name === 'smooth') out.set(blurred(source, rows, columns, 0.4 * strength));
  else {
    const add = name === 'sharpen' ? difference(source, rows, columns) : edges(source, rows, columns);
    const much = name === 'sharpen' ? 0.3 * strength : 0.4 * strength;
    for (let i = 0; i < out.length; i += 1) out[i] = (out[i] as number) + much * (add[i] as number);
  }
  if (padding !== null) for (let i = 0; i < out.length; i += 1) if (values[i] === padding) out[i] = padding;
  return out;
}

/** What the image has more than its blurred self: unsharp masking. */
function difference(values: ArrayLike<number>, rows: number, columns: number, channels = 1): Float32Array {
  const soft = blurred(values, rows, columns, 1, channels);
  for (let i = 0; i < soft.length; i += 1) soft[i] = (values[i] as number) - (soft[i] as number);
  return soft;
}

function colour(values: PixelArray, rows: number, columns: number, { name, strength }: FilterSetting): Uint8Array {
  const clamp = (value: number): number => Math.min(255, Math.max(0, Math.round(value)));
  if (name === 'smooth') return Uint8Array.from(blurred(values, rows, columns, 0.4 * strength, 3), clamp);
  const add = difference(values, rows, columns, 3);
  const much = (name === 'sharpen' ? 0.3 : 0.8) * strength;
  return Uint8Array.from(values, (value, i) => clamp(value + much * (add[i] as number)));
}
