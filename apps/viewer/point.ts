/** One place in the patient, shown in every view of the same coordinate system (V-36, V-37). */
import type { Cell } from './cell';
import { closest } from './closest';
import { dot, offPlane, spaceOf } from './geometry';
import type { Vector } from './orientation';
import { nearest } from './volume/planes';
import { Reformat } from './volume/reformat';

export interface Place {
  /** LPS mm. */
  at: Vector;
  /** Frame of Reference UID: the same numbers elsewhere are another place. */
  space: string;
}

/** Near enough to be in a plane, mm. */
const EXACT = 0.05;

/** Brings the image nearest to a place into a cell; a computed plane goes exactly through it. */
export function bring(cell: Cell, { at, space }: Place): void {
  const source = cell.series;
  const shown = cell.currentFrame();
  if (!source || !shown || spaceOf(shown) !== space) return;
  if (source instanceof Reformat && source.planes?.free) {
    const position = nearest(source.planes, at);
    if (Math.abs((source.planes.depths[position] as number) - dot(at, source.planes.onwards)) <= EXACT) cell.scrollTo(position);
    else cell.replace(source.with({ through: at }), at);
    return;
  }
  const position = closest(cell.count, (one) => {
    const frame = cell.frameAt(one);
    return frame && spaceOf(frame) === space ? Math.abs(offPlane(frame, at)) : null;
  });
  if (position >= 0 && position !== cell.index) cell.scrollTo(position);
}
