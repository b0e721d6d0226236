/** Between pixels of a frame and patient coordinates (PS3.3 C.7.6.2.1.1). */
import type { Frame } from './frame';
import { cross, type Vector } from './orientation';

export interface Plane {
  /** Middle of the first pixel, LPS mm. */
  origin: Vector;
  /** Direction in which the column index grows. */
  row: Vector;
  /** Direction in which the row index grows. */
  column: Vector;
  normal: Vector;
  /** Distance between columns (along `row`) and between rows (along `column`); 1 where the header gives none. */
  spacing: [number, number];
}

export const vectorOf = (values: readonly number[]): Vector => [values[0] ?? 0, values[1] ?? 0, values[2] ?? 0];

/** The plane a frame is drawn in. Without a position or orientation it is an arbitrary plane: no letters, no location. */
export function planeOf(frame: Frame): Plane {
  const given = frame.orientation?.length === 6 && frame.orientation.every(Number.isFinite);
  const row: Vector = given ? vectorOf((frame.orientation as number[]).slice(0, 3)) : [1, 0, 0];
  const column: Vector = given ? vectorOf((frame.orientation as number[]).slice(3, 6)) : [0, 1, 0];
  const [betweenRows, betweenColumns] = frame.spacing ?? [1, 1];
  return {
    origin: frame.position?.length === 3 ? vectorOf(frame.position) : [0, 0, 0],
    row,
    column,
    normal: cross(row, column),
    spacing: [betweenColumns > 0 ? betweenColumns : 1, betweenRows > 0 ? betweenRows : 1],
  };
}

/** The coordinate system of a frame (Frame of Reference UID), null when the frame has no place in one. */
export function spaceOf(frame: Frame | null): string | null {
  return frame && frame.position?.length === 3 && frame.orientation?.length === 6 ? frame.frame_of_reference || null : null;
}

export const dot = (a: Vector, b: Vector): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

/** [column, row] (fractions allowed) → LPS mm. */
export function toWorld(frame: Frame, [x, y]: readonly [number, number]): [number, number, number] {
  const { origin, row, column, spacing } = planeOf(frame);
  const along = (axis: 0 | 1 | 2): number => origin[axis] + row[axis] * x * spacing[0] + column[axis] * y * spacing[1];
  return [along(0), along(1), along(2)];
}

/** LPS mm → [column, row] of its foot on the plane. */
export function toIndex(frame: Frame, point: Vector): [number, number] {
  const { origin, row, column, spacing } = planeOf(frame);
  const offset: Vector = [point[0] - origin[0], point[1] - origin[1], point[2] - origin[2]];
  // Directions of a header are rounded, so not quite at right angles: solved as they are, `toWorld` and back is the same place.
  const [along, down, skew] = [dot(row, row), dot(column, column), dot(row, column)];
  const [x, y] = [dot(offset, row), dot(offset, column)];
  const size = along * down - skew * skew;
  return [(x * down - y * skew) / size / spacing[0], (y * along - x * skew) / size / spacing[1]];
}

/** As a measurement keeps it, and is read: 1/1000 pixel is finer than any hand, and longer numbers only make the record bigger. */
export function placeOf(frame: Frame, point: Vector): [number, number] {
  return toIndex(frame, point).map((part) => Math.round(part * 1000) / 1000) as [number, number];
}

/** Signed distance of a place (LPS mm) from a frame's plane, mm. */
export function offPlane(frame: Frame, at: Vector): number {
  const { origin, normal } = planeOf(frame);
  return dot([at[0] - origin[0], at[1] - origin[1], at[2] - origin[2]], normal);
}
