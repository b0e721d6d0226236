/**
 * Ellipses and rectangles on a frame (V-13, V-14): area and the values inside. A pixel belongs to a region when its middle does.
 * Padding is no value of the patient and is left out; colour has no values to average.
 */
import type { Frame } from '../frame';
import type { ImageSource } from '../source';
import { lengthUnit, spacingFor, type ImagePoint } from './length';

/** Of the pixels inside; `sd` is that of these pixels themselves (divided by their count). */
export interface RegionStats {
  mean: number;
  sd: number;
  min: number;
  max: number;
  count: number;
}

/** The places `origin + a·u + b·v` (pixels) with (a, b) inside; its area is `share` of |u × v|. */
export interface Region {
  origin: ImagePoint;
  u: ImagePoint;
  v: ImagePoint;
  inside(a: number, b: number): boolean;
  share: number;
  /** Corners of a parallelogram around it. */
  around: ImagePoint[];
}

const minus = (a: ImagePoint, b: ImagePoint): ImagePoint => [a[0] - b[0], a[1] - b[1]];
const plus = (...all: ImagePoint[]): ImagePoint => [all.reduce((sum, one) => sum + one[0], 0), all.reduce((sum, one) => sum + one[1], 0)];
const half = (a: ImagePoint): ImagePoint => [a[0] / 2, a[1] / 2];

/** Four points: the ends of one axis, the ends of the other. */
export function ellipse([first, second, third, fourth]: readonly [ImagePoint, ImagePoint, ImagePoint, ImagePoint]): Region {
  const [u, v, origin] = [half(minus(fourth, third)), half(minus(second, first)), half(plus(first, second))];
  const back = ([x, y]: ImagePoint): ImagePoint => [-x, -y];
  const around = [plus(origin, u, v), plus(origin, u, back(v)), plus(origin, back(u), v), plus(origin, back(u), back(v))];
  return { origin, u, v, inside: (a, b) => a * a + b * b <= 1, share: Math.PI, around };
}

/** Four points: a corner, its two neighbours, the opposite corner. */
export function rectangle([corner, next, other, opposite]: readonly [ImagePoint, ImagePoint, ImagePoint, ImagePoint]): Region {
  return { origin: corner, u: minus(next, corner), v: minus(other, corner), inside: (a, b) => a >= 0 && a <= 1 && b >= 0 && b <= 1, share: 1, around: [corner, next, other, opposite] };
}

const turn = (u: ImagePoint, v: ImagePoint): number => u[0] * v[1] - u[1] * v[0];

export function areaOf(frame: Frame, region: Region): { value: number; unit: string } {
  const spacing = spacingFor(frame, region.around);
  const pixels = Math.abs(turn(region.u, region.v)) * region.share;
  return spacing ? { value: pixels * spacing[0] * spacing[1], unit: lengthUnit(frame).replace('mm', 'mm²') } : { value: pixels, unit: 'px²' };
}

/** Null while the frame is not here, for colour, and when no pixel's middle is inside. */
export function regionStats(series: ImageSource, index: number, region: Region): RegionStats | null {
  const frame = series.frame(index);
  const pixels = series.pixels(index);
  const { origin, u, v } = region;
  const size = turn(u, v);
  if (!pixels || frame.samples !== 1 || size === 0) return null;
  const limits = (axis: 0 | 1, most: number): [number, number] => {
    const places = region.around.map((point) => point[axis]);
    return [Math.max(0, Math.ceil(Math.min(...places))), Math.min(most - 1, Math.floor(Math.max(...places)))];
  };
  const [left, right] = limits(0, frame.columns);
  const [top, bottom] = limits(1, frame.rows);
  let [count, mean, squares, min, max] = [0, 0, 0, Infinity, -Infinity];
  for (let y = top; y <= bottom; y += 1) {
    for (let x = left; x <= right; x += 1) {
      const place: ImagePoint = [x - origin[0], y - origin[1]];
      if (!region.inside(turn(place, v) / size, turn(u, place) / size)) continue;
      const value = pixels.values[y * frame.columns + x] as number;
      if (value === pixels.padding) continue;
      // Welford: exact also where the values are large and close together.
      count += 1;
      const step = value - mean;
      mean += step / count;
      squares += step * (value - mean);
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
  }
  return count === 0 ? null : { mean, sd: Math.sqrt(squares / count), min, max, count };
}
