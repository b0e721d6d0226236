/** The place a reader sees under a point of a rendered volume: where the ray has met half of what can be met (V-37). */
import type { Vector } from '../orientation';
import { add, times } from '../volume/curved/centreline';
import type { CropBox } from './cutting';
import { fromScreen, type Eye } from './eye';
import { valueAt, type RegularGrid } from './regular';
import { seen, type Knot } from './templates';

/** A ray that keeps more of its light has met nothing. */
const LEAST = 0.9;
/** Steps within one voxel. */
const FINE = 4;

/** Where the ray of a screen point (CSS pixels from the middle) enters and leaves the box, mm along `onward`; null where it misses. */
function through({ size, spacing, corner }: RegularGrid, crop: CropBox, from: Vector, onward: Vector): [number, number] | null {
  let [near, far] = [-Infinity, Infinity];
  for (const axis of [0, 1, 2] as const) {
    const side = size[axis] * spacing;
    const ends = crop[axis].map((share) => corner[axis] + share * side - from[axis]);
    if (Math.abs(onward[axis]) < 1e-9) {
      if ((ends[0] as number) > 0 || (ends[1] as number) < 0) return null;
      continue;
    }
    const [a, b] = ends.map((end) => end / onward[axis]) as [number, number];
    near = Math.max(near, Math.min(a, b));
    far = Math.min(far, Math.max(a, b));
  }
  return far > near ? [near, far] : null;
}

/** LPS mm; null where the ray meets nothing. `projection`: the brightest place of the ray instead. */
export function placeUnder(grid: RegularGrid, knots: readonly Knot[], crop: CropBox, eye: Eye, point: readonly [number, number], projection = false): Vector | null {
  const from = fromScreen(eye, point);
  const way = through(grid, crop, from, eye.onward);
  if (!way) return null;
  const step = grid.spacing / FINE;
  let left = 1;
  // In a cloud that never gets dense, the densest part of it.
  let densest = { share: 0, at: null as Vector | null };
  let brightest = { value: grid.least, at: null as Vector | null };
  for (let t = way[0] + step / 2; t < way[1]; t += step) {
    const place = add(from, times(eye.onward, t));
    const value = valueAt(grid, place);
    if (value === null) continue;
    if (projection) {
      if (value > brightest.value) brightest = { value, at: place };
      continue;
    }
    const before = left;
    left *= (1 - seen(knots, value).opacity) ** step;
    if (left <= 0.5) return place;
    if (before - left > densest.share) densest = { share: before - left, at: place };
  }
  if (projection) return brightest.at;
  return left < LEAST ? densest.at : null;
}
