/**
 * When the images of a series are parallel cuts through one body, and where each lies (PS3.3 C.7.6.2.1.1).
 *
 * Every image keeps its own place: a tilted gantry, uneven distances or a shifted image are read where they were made, not
 * on a regular grid that would bend the patient. What is no such stack is refused with the reason.
 */
import type { Frame } from '../frame';
import { dot, planeOf } from '../geometry';
import type { Vector } from '../orientation';

/** Why a series is no volume; words in `words.ts`. */
export type Refusal = 'notSpatial' | 'fewImages' | 'notGrey' | 'mixedSizes' | 'notParallel' | 'samePlace' | 'noMillimetres';

/** One cut: its image, its distance along `normal`, and the middle of its first pixel on the row and column axes (mm). */
export interface Cut {
  index: number;
  depth: number;
  along: [number, number];
}

export interface Volume {
  columns: number;
  rows: number;
  /** Unit vectors, LPS: column index grows along `row`, row index along `column`; `normal` is their cross product. */
  row: Vector;
  column: Vector;
  normal: Vector;
  /** mm between columns and between rows. */
  spacing: [number, number];
  /** Rising in depth. */
  cuts: Cut[];
  /** The usual distance between cuts (median), mm. */
  step: number;
  /** Wider distances hold no data: what lies between is not invented. */
  gap: number;
  frameOfReference: string | null;
}

export const FEWEST = 3;
/** Axes that differ by more are not parallel (about 0.06°, PS3.3 needs exactly equal; headers round). */
const PARALLEL = 1e-3;
/** Cuts closer than this share a place, mm. */
const SAME = 1e-3;

const apart = (a: Vector, b: Vector): number => Math.max(...[0, 1, 2].map((axis) => Math.abs((a[axis] as number) - (b[axis] as number))));

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;

/** The volume of these frames, or why there is none. */
export function volumeOf(frames: readonly Frame[]): Volume | Refusal {
  const first = frames[0];
  if (!first) return 'fewImages';
  if (frames.some((frame) => frame.samples !== 1)) return 'notGrey';
  if (frames.some((frame) => frame.position?.length !== 3 || frame.orientation?.length !== 6)) return 'notSpatial';
  if (frames.some((frame) => !frame.spacing || frame.spacing_kind !== 'pixel')) return 'noMillimetres';
  if (frames.length < FEWEST) return 'fewImages';
  const { row, column, normal, spacing } = planeOf(first);
  const cuts: Cut[] = [];
  for (const frame of frames) {
    const plane = planeOf(frame);
    if (frame.rows !== first.rows || frame.columns !== first.columns) return 'mixedSizes';
    if (Math.abs(plane.spacing[0] - spacing[0]) > 1e-4 * spacing[0] || Math.abs(plane.spacing[1] - spacing[1]) > 1e-4 * spacing[1]) return 'mixedSizes';
    if (apart(plane.row, row) > PARALLEL || apart(plane.column, column) > PARALLEL) return 'notParallel';
    cuts.push({ index: frame.index, depth: dot(plane.origin, normal), along: [dot(plane.origin, row), dot(plane.origin, column)] });
  }
  cuts.sort((a, b) => a.depth - b.depth);
  const steps = cuts.slice(1).map((cut, position) => cut.depth - (cuts[position] as Cut).depth);
  if (Math.min(...steps) < SAME) return 'samePlace';
  const step = median(steps);
  const thick = Math.max(0, ...frames.map((frame) => frame.thickness ?? 0));
  return { columns: first.columns, rows: first.rows, row, column, normal, spacing, cuts, step, gap: 2.05 * Math.max(step, thick), frameOfReference: first.frame_of_reference };
}

/** The eight corners of a volume's box around all its cuts, half a pixel and half a step beyond the middles; LPS mm. */
export function cornersOf(volume: Volume): Vector[] {
  const { cuts, row, column, normal, spacing, columns, rows, step } = volume;
  const first = cuts[0] as Cut;
  const last = cuts[cuts.length - 1] as Cut;
  return [
    { cut: first, depth: first.depth - step / 2 },
    { cut: last, depth: last.depth + step / 2 },
  ].flatMap(({ cut, depth }) =>
    [-0.5, columns - 0.5].flatMap((x) =>
      [-0.5, rows - 0.5].map((y): Vector => {
        const [a, b] = [cut.along[0] + x * spacing[0], cut.along[1] + y * spacing[1]];
        const at = (axis: 0 | 1 | 2): number => row[axis] * a + column[axis] * b + normal[axis] * depth;
        return [at(0), at(1), at(2)];
      }),
    ),
  );
}

/** The middle of a volume, LPS mm. */
export function middleOf(volume: Volume): Vector {
  const corners = cornersOf(volume);
  const mean = (axis: 0 | 1 | 2): number => corners.reduce((sum, corner) => sum + corner[axis], 0) / corners.length;
  return [mean(0), mean(1), mean(2)];
}
