/** Parallel planes through a volume: the three of the patient, and any turned from them. All lengths mm, directions LPS. */
import { closest } from '../closest';
import { dot } from '../geometry';
import { cross, type Vector } from '../orientation';
import { cornersOf, type Cut, type Volume } from './volume';

export type PlaneName = 'axial' | 'coronal' | 'sagittal';

/** How the pictures lie: right and down on the screen. */
export interface Attitude {
  row: Vector;
  column: Vector;
}

/** As radiology shows them: seen from the feet, from the front, from the left; the patient's head up. */
export const ATTITUDES: Record<PlaneName, Attitude> = {
  axial: { row: [1, 0, 0], column: [0, 1, 0] },
  coronal: { row: [1, 0, 0], column: [0, 0, -1] },
  sagittal: { row: [0, 1, 0], column: [0, 0, -1] },
};

/** Scrolling down goes from head to feet, front to back, right to left. */
const ONWARDS: Record<PlaneName, Vector> = { axial: [0, 0, -1], coronal: [0, 1, 0], sagittal: [1, 0, 0] };

export interface Planes extends Attitude {
  name: PlaneName;
  /** Whether it was turned away from the patient's axes. */
  turned: boolean;
  /** Along which the planes follow each other. */
  onwards: Vector;
  /** Middle of the first pixel of the plane at depth 0, i.e. without its part along `onwards`. */
  origin: Vector;
  /** Of the square pixels. */
  spacing: number;
  columns: number;
  rows: number;
  /** Distances along `onwards`, rising. */
  depths: number[];
  /** Evenly spaced, so that they can be moved to go through a point; otherwise they are the received cuts. */
  free: boolean;
}

export const LARGEST = 1024; // pixels of a computed picture's side
const MOST = 2048; // planes of one direction

const plus = (a: Vector, b: Vector, times: number): Vector => [a[0] + b[0] * times, a[1] + b[1] * times, a[2] + b[2] * times];

/** The planes that cover a volume; through a point where one is given (its plane is among them, unless the cuts themselves are the planes). */
export function planesOf(volume: Volume, name: PlaneName, attitude: Attitude = ATTITUDES[name], through: Vector | null = null): Planes {
  const { row, column } = attitude;
  const normal = cross(row, column);
  const usual = ONWARDS[name];
  const onwards: Vector = dot(normal, usual) >= 0 ? normal : [-normal[0], -normal[1], -normal[2]];
  const corners = cornersOf(volume);
  const range = (axis: Vector): [number, number] => {
    const along = corners.map((corner) => dot(corner, axis));
    return [Math.min(...along), Math.max(...along)];
  };
  const [left, right] = range(row);
  const [top, bottom] = range(column);
  const fine = Math.min(volume.spacing[0], volume.spacing[1]);
  const spacing = Math.max(fine, (right - left) / LARGEST, (bottom - top) / LARGEST);
  const [near, far] = range(onwards);
  const facing = dot(onwards, volume.normal);
  const free = Math.abs(facing) <= 1 - 1e-6;
  const depths = free
    ? evenly(near, far, Math.max(fine, (far - near) / MOST), through ? dot(through, onwards) : null)
    : volume.cuts.map((cut: Cut) => cut.depth * Math.sign(facing)).sort((a, b) => a - b);
  const origin = plus(plus([0, 0, 0], row, left + spacing / 2), column, top + spacing / 2);
  // Rounding must not add a column to a whole number of pixels.
  const size = (from: number, to: number): number => Math.max(1, Math.ceil((to - from) / spacing - 1e-6));
  return { name, turned: attitude !== ATTITUDES[name], row, column, onwards, origin, spacing, columns: size(left, right), rows: size(top, bottom), depths, free };
}

function evenly(from: number, to: number, step: number, through: number | null): number[] {
  const start = through === null ? from + step / 2 : through - Math.floor((through - from) / step) * step;
  return Array.from({ length: Math.max(1, Math.floor((to - start) / step + 1e-6) + 1) }, (_, position) => start + position * step);
}

/** Middle of the first pixel of one plane, LPS. */
export function originOf(planes: Planes, position: number): Vector {
  return plus(planes.origin, planes.onwards, planes.depths[position] as number);
}

/** The plane nearest to a point. */
export function nearest(planes: Planes, point: Vector): number {
  const depth = dot(point, planes.onwards);
  return closest(planes.depths.length, (position) => Math.abs((planes.depths[position] as number) - depth));
}

/** An attitude turned about an axis (unit vector), right-handed, by an angle in radians (Rodrigues). */
export function turnedAbout({ row, column }: Attitude, axis: Vector, angle: number): Attitude {
  const turn = (v: Vector): Vector => {
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    const side = cross(axis, v);
    const stay = dot(axis, v) * (1 - c);
    const at = (i: 0 | 1 | 2): number => v[i] * c + side[i] * s + axis[i] * stay;
    const [x, y, z] = [at(0), at(1), at(2)];
    const size = Math.hypot(x, y, z);
    return [x / size, y / size, z / size];
  };
  return { row: turn(row), column: turn(column) };
}
