/** Whether two measurements are the same drawing: what a hand made, not what was computed from it. */
import { cross } from './orientation';
import type { MeasuredPlane, Measurement } from './measurements';

/** Pixels; points are kept to 1/1000. */
const NEAR = 0.002;
/** mm within a computed plane. */
const NEAR_MM = 0.01;

/** Computed from pixels and header (they may still be on their way), or said by the record. */
const COMPUTED: readonly string[] = ['id', 'value', 'unit', 'stats', 'labels', 'index', 'author', 'created', 'points', 'plane', 'frame'];

function rest(one: Measurement): string {
  const parts = Object.entries(one).filter(([name, part]) => !COMPUTED.includes(name) && part !== undefined);
  return JSON.stringify(parts.sort(([a], [b]) => a.localeCompare(b)));
}

/** LPS mm of a pixel of a computed plane, without its depth: the same plane shown again may lie half a step away. */
function within(plane: MeasuredPlane, [column, row]: readonly [number, number]): number[] {
  const across = column * plane.spacing[1];
  const down = row * plane.spacing[0];
  const place = [0, 1, 2].map((axis) => Number(plane.origin[axis]) + across * Number(plane.row[axis]) + down * Number(plane.column[axis]));
  const normal = cross(plane.row as [number, number, number], plane.column as [number, number, number]);
  const depth = place.reduce((sum, part, axis) => sum + part * Number(normal[axis]), 0);
  return place.map((part, axis) => part - depth * Number(normal[axis]));
}

export function alike(a: Measurement, b: Measurement): boolean {
  if (Boolean(a.plane) !== Boolean(b.plane) || a.points.length !== b.points.length || (!a.plane && a.frame !== b.frame)) return false;
  const near = a.points.every((point, at) => {
    const other = b.points[at] as [number, number];
    if (!a.plane || !b.plane) return Math.abs(point[0] - other[0]) <= NEAR && Math.abs(point[1] - other[1]) <= NEAR;
    const there = within(b.plane, other);
    return within(a.plane, point).every((part, axis) => Math.abs(part - Number(there[axis])) <= NEAR_MM);
  });
  return near && rest(a) === rest(b);
}

/** The same drawings under the same ids, whatever their order. */
export function allAlike(a: readonly Measurement[], b: readonly Measurement[]): boolean {
  if (a.length !== b.length) return false;
  const there = new Map(b.map((one) => [one.id, one]));
  return a.every((one) => {
    const other = there.get(one.id);
    return other !== undefined && alike(one, other);
  });
}
