/** Where the plane of one image cuts another (V-24). */
import type { Frame } from './frame';
import { dot, planeOf, spaceOf, toIndex, toWorld } from './geometry';
import type { ImagePoint } from './measure/length';
import type { Vector } from './orientation';

/** Below this (about 3°) planes count as parallel: their line says nothing. */
const PARALLEL = 0.05;

/** The part of [0, 1] in which a value going from `from` to `to` is within the limits. */
function within(part: [number, number], from: number, to: number, low: number, high: number): [number, number] | null {
  const change = to - from;
  if (Math.abs(change) < 1e-12) return from >= low && from <= high ? part : null;
  const [a, b] = [(low - from) / change, (high - from) / change];
  const next: [number, number] = [Math.max(part[0], Math.min(a, b)), Math.min(part[1], Math.max(a, b))];
  return next[0] <= next[1] ? next : null;
}

/** The line `of` draws on `on`, in pixels of `on`, as far as both pictures reach; null when they do not cross. */
export function crossing(on: Frame, of: Frame): [ImagePoint, ImagePoint] | null {
  const space = spaceOf(on);
  if (space === null || spaceOf(of) !== space) return null;
  const [here, there] = [planeOf(on), planeOf(of)];
  const a = dot(here.row, there.normal);
  const b = dot(here.column, there.normal);
  const steep = Math.hypot(a, b);
  if (steep < PARALLEL) return null;
  const [kx, ky] = [a * here.spacing[0], b * here.spacing[1]];
  const offset: Vector = [here.origin[0] - there.origin[0], here.origin[1] - there.origin[1], here.origin[2] - there.origin[2]];
  const c = dot(offset, there.normal);
  // kx·x + ky·y + c = 0: its foot nearest to the first pixel, and its direction, long enough for any picture
  const size = kx * kx + ky * ky;
  const foot: ImagePoint = [(-c * kx) / size, (-c * ky) / size];
  const long = 4 * (on.columns + on.rows) + Math.hypot(...foot);
  const along = Math.hypot(kx, ky);
  const ends: [ImagePoint, ImagePoint] = [
    [foot[0] - (ky / along) * long, foot[1] + (kx / along) * long],
    [foot[0] + (ky / along) * long, foot[1] - (kx / along) * long],
  ];
  const other = [toIndex(of, toWorld(on, ends[0])), toIndex(of, toWorld(on, ends[1]))] as const;
  let part: [number, number] | null = [0, 1];
  for (const axis of [0, 1] as const) {
    part = part && within(part, ends[0][axis], ends[1][axis], -0.5, (axis === 0 ? on.columns : on.rows) - 0.5);
    part = part && within(part, other[0][axis], other[1][axis], -0.5, (axis === 0 ? of.columns : of.rows) - 0.5);
  }
  if (!part) return null;
  const at = (t: number): ImagePoint => [ends[0][0] + (ends[1][0] - ends[0][0]) * t, ends[0][1] + (ends[1][1] - ends[0][1]) * t];
  return [at(part[0]), at(part[1])];
}
