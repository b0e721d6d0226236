/** Pictures computed from the cuts of a volume: linear between pixels and cuts, one plane or a slab of them. */
import { dot } from '../geometry';
import type { Vector } from '../orientation';
import type { FramePixels } from '../pixels';
import type { Volume } from './volume';

/** How the samples through a slab become one value. */
export type SlabMode = 'mean' | 'max' | 'min';

export interface Picture {
  /** Middle of the first pixel, LPS mm. */
  origin: Vector;
  row: Vector;
  column: Vector;
  /** Of the square pixels, mm. */
  spacing: number;
  columns: number;
  rows: number;
}

/** The pixels of the cuts in the volume's order. */
export type Pixels = readonly FramePixels[];

/** A value no place in the volume has (outside, in a gap, padding), so low that every window draws it black. */
export function blankOf(pixels: Pixels): number {
  const least = Math.min(...pixels.map((one) => one.min));
  const most = Math.max(...pixels.map((one) => one.max));
  if (!Number.isFinite(least) || least > -32768) return -32768;
  return Math.floor(least - 10 * (most - least)) - 1;
}

/** Whether every value, and the blank, fits 16 bit with sign. */
export function fits16(pixels: Pixels, blank: number): boolean {
  return blank >= -32768 && pixels.every((one) => !(one.values instanceof Float32Array) && one.max <= 32767);
}

const plus = (a: Vector, b: Vector, times: number): Vector => [a[0] + b[0] * times, a[1] + b[1] * times, a[2] + b[2] * times];

/** One row of a picture: samples `spacing` mm apart from `start` along `direction`; a slab goes to both sides along `across`. */
export interface Row {
  start: Vector;
  direction: Vector;
  across: Vector;
}

/**
 * Modality values of a picture, row by row; `blank` where the volume has none. Whole numbers where the source has such.
 *
 * `slab`: mm through the picture's plane, half before and half behind.
 */
export function resample(volume: Volume, pixels: Pixels, picture: Picture, slab: { mode: SlabMode; thickness: number } | null = null): FramePixels {
  const { row, column, spacing } = picture;
  const across: Vector = [row[1] * column[2] - row[2] * column[1], row[2] * column[0] - row[0] * column[2], row[0] * column[1] - row[1] * column[0]];
  return resampleRows(volume, pixels, picture, (y) => ({ start: plus(picture.origin, column, y * spacing), direction: row, across }), slab);
}

/** As `resample`, of rows that each lie in their own place; a row that is null has no values. */
export function resampleRows(
  volume: Volume,
  pixels: Pixels,
  picture: Pick<Picture, 'spacing' | 'columns' | 'rows'>,
  rowAt: (y: number) => Row | null,
  slab: { mode: SlabMode; thickness: number } | null = null,
): FramePixels {
  const blank = blankOf(pixels);
  const whole = fits16(pixels, blank);
  const out = whole ? new Int16Array(picture.columns * picture.rows) : new Float32Array(picture.columns * picture.rows);
  const fine = Math.min(volume.spacing[0], volume.spacing[1], volume.step);
  // Whole pixels from the plane; half ones between them where a single bright pixel must not slip through.
  const apart = slab && slab.mode !== 'mean' ? fine / 2 : fine;
  const behind = slab ? Math.floor(slab.thickness / 2 / apart + 1e-6) : 0;
  const line = new Float32Array(picture.columns);
  const sum = new Float32Array(picture.columns);
  const count = new Uint16Array(picture.columns);
  const mode = slab?.mode ?? 'mean';
  let [min, max] = [Infinity, -Infinity];
  for (let y = 0; y < picture.rows; y += 1) {
    sum.fill(mode === 'max' ? -Infinity : mode === 'min' ? Infinity : 0);
    count.fill(0);
    const row = rowAt(y);
    for (let layer = -behind; row && layer <= behind; layer += 1) {
      sampleLine(volume, pixels, plus(row.start, row.across, layer * apart), row.direction, picture.spacing, line);
      for (let x = 0; x < line.length; x += 1) {
        const value = line[x] as number;
        if (Number.isNaN(value)) continue;
        count[x] = (count[x] as number) + 1;
        if (mode === 'max') sum[x] = Math.max(sum[x] as number, value);
        else if (mode === 'min') sum[x] = Math.min(sum[x] as number, value);
        else sum[x] = (sum[x] as number) + value;
      }
    }
    for (let x = 0; x < line.length; x += 1) {
      const n = count[x] as number;
      if (n === 0) {
        out[y * picture.columns + x] = blank;
        continue;
      }
      const exact = mode === 'mean' ? (sum[x] as number) / n : (sum[x] as number);
      const value = whole ? Math.round(exact) : exact;
      out[y * picture.columns + x] = value;
      if (value < min) min = value;
      if (value > max) max = value;
    }
  }
  if (min > max) [min, max] = [blank, blank];
  return { values: out, min, max, padding: blank };
}

/** Samples `step` mm apart from `start` along `direction`; NaN where the volume has no data. */
export function sampleLine(volume: Volume, pixels: Pixels, start: Vector, direction: Vector, step: number, line: Float32Array): void {
  const { cuts, columns, rows, spacing, gap } = volume;
  const last = cuts.length - 1;
  // Place of the start, and of one step, in pixels of the row and column axes and in mm of depth.
  let [a, b, depth] = [dot(start, volume.row) / spacing[0], dot(start, volume.column) / spacing[1], dot(start, volume.normal)];
  const go = (axis: Vector, unit: number): number => (dot(direction, axis) * step) / unit;
  const [da, db, dd] = [go(volume.row, spacing[0]), go(volume.column, spacing[1]), go(volume.normal, 1)];
  const first = cuts[0] as { depth: number };
  const end = cuts[last] as { depth: number };
  const [before, behind] = [first.depth - volume.step / 2 - 1e-6, end.depth + volume.step / 2 + 1e-6];
  let k = 0;
  for (let i = 0; i < line.length; i += 1, a += da, b += db, depth += dd) {
    line[i] = NaN;
    if (depth < before || depth > behind) continue;
    while (k < last - 1 && depth >= (cuts[k + 1] as { depth: number }).depth) k += 1;
    while (k > 0 && depth < (cuts[k] as { depth: number }).depth) k -= 1;
    const low = cuts[k] as { depth: number; along: [number, number] };
    const high = cuts[k + 1] as { depth: number; along: [number, number] };
    const wide = high.depth - low.depth;
    let t = (depth - low.depth) / wide;
    if (wide > gap) {
      // Nothing was imaged in between: only what lies within half a step of a cut has a value.
      if (depth - low.depth <= volume.step / 2) t = 0;
      else if (high.depth - depth <= volume.step / 2) t = 1;
      else continue;
    }
    t = t < 1e-6 ? 0 : t > 1 - 1e-6 ? 1 : t;
    let value = NaN;
    if (t < 1) value = bilinear(pixels[k] as FramePixels, columns, rows, a - low.along[0] / spacing[0], b - low.along[1] / spacing[1]);
    if (t > 0) {
      const other = bilinear(pixels[k + 1] as FramePixels, columns, rows, a - high.along[0] / spacing[0], b - high.along[1] / spacing[1]);
      // Without data on one side (padding, beyond that picture) there is nothing to go by: NaN goes through.
      value = t === 1 ? other : value + (other - value) * t;
    }
    line[i] = value;
  }
}

/** Value between four pixels; padding among them leaves the nearest pixel; NaN outside. */
function bilinear(pixels: FramePixels, columns: number, rows: number, x: number, y: number): number {
  if (!(x >= -0.500001 && y >= -0.500001 && x <= columns - 0.499999 && y <= rows - 0.499999)) return NaN;
  const [cx, cy] = [Math.min(Math.max(x, 0), columns - 1), Math.min(Math.max(y, 0), rows - 1)];
  const x0 = Math.min(Math.floor(cx), Math.max(0, columns - 2));
  const y0 = Math.min(Math.floor(cy), Math.max(0, rows - 2));
  const { values, padding } = pixels;
  const [right, down] = [columns > 1 ? 1 : 0, rows > 1 ? columns : 0];
  const at = y0 * columns + x0;
  const v00 = values[at] as number;
  const v10 = values[at + right] as number;
  const v01 = values[at + down] as number;
  const v11 = values[at + down + right] as number;
  const [fx, fy] = [cx - x0, cy - y0];
  if (padding !== null && (v00 === padding || v10 === padding || v01 === padding || v11 === padding)) {
    const near = fy < 0.5 ? (fx < 0.5 ? v00 : v10) : fx < 0.5 ? v01 : v11;
    return near === padding ? NaN : near;
  }
  const top = v00 + (v10 - v00) * fx;
  return top + (v01 + (v11 - v01) * fx - top) * fy;
}
