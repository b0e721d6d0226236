/**
 * Rectangles and ellipses in a picture that was turned since they were drawn: their handles move along their own sides. Cornerstone moves
 * them along the screen's, which would make a figure on the screen that is not the one measured.
 */
import { getEnabledElement, type Types as CoreTypes } from '@cornerstonejs/core';
import type { Types } from '@cornerstonejs/tools';
import { distanceTo, type CanvasPoint } from './figure';
import type { DrawnAnnotation, EditData, Interaction } from './lengthtool';

type Place = CoreTypes.Point3;

/** What is used of the inside of Cornerstone's region tools (5.14). */
interface InnerRegion {
  editData: EditData | null;
  /** A handle, or the whole, follows the mouse. */
  _dragCallback(event: Interaction): void;
  _dragModifyCallback(event: Interaction): void;
  isPointNearTool(element: HTMLDivElement, annotation: Types.Annotation, canvas: CanvasPoint, proximity: number): boolean;
}

const minus = (a: Place, b: Place): Place => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const plus = (a: Place, b: Place): Place => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
const dot = (a: Place, b: Place): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const times = (a: Place, by: number): Place => [a[0] * by, a[1] * by, a[2] * by];

/** The part of `v` along `axis`. */
const along = (v: Place, axis: Place): Place => times(axis, dot(axis, axis) === 0 ? 0 : dot(v, axis) / dot(axis, axis));

/** Corner, its two neighbours, the opposite corner: with corner `handle` at a place, the opposite one where it was. */
export function rectangleWith(points: readonly Place[], handle: number, at: Place): Place[] {
  const [corner, next, other] = points as [Place, Place, Place];
  const still = points[3 - handle] as Place;
  const [u, v] = [minus(next, corner), minus(other, corner)].map((side) => along(minus(at, still), side)) as [Place, Place];
  const made = [...points];
  made[handle] = plus(plus(still, u), v);
  made[3 - handle] = still;
  // Neighbours of the corner that stays: 1 lies from 0, and 3 from 2, along `u`.
  made[handle ^ 1] = plus(still, v);
  made[handle ^ 2] = plus(still, u);
  return made;
}

/** Ends of one axis, ends of the other: with the end `handle` as far out as a place is. */
export function ellipseWith(points: readonly Place[], handle: number, at: Place): Place[] {
  const first = handle < 2 ? 0 : 2;
  const [one, two] = [points[first], points[first + 1]] as [Place, Place];
  const middle = times(plus(one, two), 0.5);
  const out = along(minus(at, middle), minus(points[handle] as Place, middle));
  const made = [...points];
  made[handle] = plus(middle, out);
  made[handle ^ 1] = minus(middle, out);
  return made;
}

/** Whether the sides lie along the screen's edges as Cornerstone takes them to: its own way is right then. */
function straight(kind: 'ellipse' | 'rectangle', points: readonly Place[], to: (place: Place) => CanvasPoint): boolean {
  const [a, b, c, d] = points.map(to) as [CanvasPoint, CanvasPoint, CanvasPoint, CanvasPoint];
  const [upright, level] = kind === 'ellipse' ? [[a, b], [c, d]] : [[a, c], [a, b]];
  const off = (pair: readonly CanvasPoint[], axis: 0 | 1): number => Math.abs((pair[0] as CanvasPoint)[axis] - (pair[1] as CanvasPoint)[axis]);
  return off(upright as CanvasPoint[], 0) < 0.5 && off(level as CanvasPoint[], 1) < 0.5;
}

export function ownSides(tool: object, kind: 'ellipse' | 'rectangle'): void {
  const inner = tool as InnerRegion;
  const callback = kind === 'ellipse' ? '_dragModifyCallback' : '_dragCallback';
  const drag = inner[callback];
  const moved = kind === 'ellipse' ? ellipseWith : rectangleWith;
  inner[callback] = (event) => {
    const { annotation, handleIndex, movingTextBox, newAnnotation } = inner.editData ?? {};
    const { viewport } = getEnabledElement(event.detail.element) ?? {};
    const before = annotation?.data.handles.points.map((point): Place => [...point]) ?? [];
    drag.call(tool, event);
    if (!annotation || !viewport || handleIndex === undefined || movingTextBox || newAnnotation || straight(kind, before, (place) => viewport.worldToCanvas(place) as CanvasPoint)) return;
    // What Cornerstone has told is looked at with the next picture only.
    annotation.data.handles.points = moved(before, handleIndex, event.detail.currentPoints.world);
  };
  if (kind === 'ellipse') return;
  inner.isPointNearTool = (element, annotation, canvas, proximity) => {
    const { viewport } = getEnabledElement(element) ?? {};
    const points = (annotation as DrawnAnnotation).data.handles.points;
    if (!viewport || points.length < 4) return false;
    const corners = [0, 1, 3, 2, 0].map((at) => viewport.worldToCanvas(points[at] as Place) as CanvasPoint);
    return distanceTo([corners], canvas) <= proximity;
  };
}
