/**
 * Measurements that a computation proposes: drawn dashed and named as such, editable like any other, and nobody's until a reader moves a
 * point or confirms. Till then they are in no list of measurements, so that nothing saves, exports or counts them.
 */
import type { Types } from '@cornerstonejs/tools';
import type { Frame } from './frame';
import { toWorld } from './geometry';
import type { Origin } from './tools/record';

type Place = readonly [number, number, number];

/** What a proposal remembers: its image, and its points as they were proposed (LPS mm). */
export interface Proposed {
  sop_uid: string;
  frame: number;
  points: Place[];
}

interface Marked {
  proposed?: Proposed;
  origin?: Origin;
}

const marksOf = (annotation: Types.Annotation): Marked => (annotation.metadata ?? {}) as Marked;

export function proposedOf(annotation: Types.Annotation): Proposed | undefined {
  return marksOf(annotation).proposed;
}

/** Marks what was just drawn as proposed. */
export function markProposed(annotation: Types.Annotation, image: { sop_uid: string; frame: number }): void {
  const points = (annotation.data.handles?.points ?? []).map(([x, y, z]) => [x, y, z] as Place);
  Object.assign(annotation.metadata ?? {}, { proposed: { sop_uid: image.sop_uid, frame: image.frame, points } satisfies Proposed });
}

/** Puts the words of a proposal below its lines, so that they hide none of the ends that are to be checked. */
export function wordsBelow(annotation: Types.Annotation, frame: Frame, points: readonly (readonly [number, number])[]): void {
  const [columns, rows] = [0, 1].map((axis) => points.map((point) => Number(point[axis]))) as [number[], number[]];
  const left = Math.min(...columns);
  const row = Math.min(Math.max(...rows) + 0.12 * (Math.max(...columns) - left), 0.92 * frame.rows);
  Object.assign(annotation.data.handles?.textBox ?? {}, { hasMoved: true, worldPosition: toWorld(frame, [left, row]) });
}

/** Whether a reader has moved a point of a proposal. */
export function isMoved(annotation: Types.Annotation): boolean {
  const { points } = marksOf(annotation).proposed ?? { points: [] };
  const now = annotation.data.handles?.points ?? [];
  return points.some((point, at) => point.some((part, axis) => Math.abs(part - Number(now[at]?.[axis])) > 1e-6));
}

/** From now on it is this reader's measurement, made now. */
export function makeOwn(annotation: Types.Annotation, author: string, now = new Date()): void {
  const marks = marksOf(annotation);
  delete marks.proposed;
  marks.origin = { author, created: now.toISOString() };
  annotation.invalidated = true;
}
