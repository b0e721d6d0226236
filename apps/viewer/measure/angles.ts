/** Angles on a frame (V-11, V-12), in degrees of the patient's plane: uneven pixel spacing is taken into account. */
import type { Frame } from '../frame';
import { spacingFor, type ImagePoint } from './length';

const DEGREES = 180 / Math.PI;

function direction(frame: Frame, points: readonly ImagePoint[], from: ImagePoint, to: ImagePoint): [number, number] {
  const [row, column] = spacingFor(frame, points) ?? [1, 1];
  return [(to[0] - from[0]) * column, (to[1] - from[1]) * row];
}

/** The angle at `vertex`, 0 to 180. */
export function angleAt(frame: Frame, from: ImagePoint, vertex: ImagePoint, to: ImagePoint): number {
  const points = [from, vertex, to];
  const [ax, ay] = direction(frame, points, vertex, from);
  const [bx, by] = direction(frame, points, vertex, to);
  return Math.abs(Math.atan2(ax * by - ay * bx, ax * bx + ay * by)) * DEGREES;
}

/**
 * Cobb angle of two end plates, 0 to 180: how far one is turned against the other, whichever way each line was drawn.
 * Both are taken from left to right, so curves beyond 90° are right as long as no end plate stands upright.
 */
export function cobbAngle(frame: Frame, lines: readonly [ImagePoint, ImagePoint, ImagePoint, ImagePoint]): number {
  const slope = (from: ImagePoint, to: ImagePoint): number => {
    const [x, y] = direction(frame, lines, from, to);
    return Math.atan2(x < 0 || (x === 0 && y < 0) ? -y : y, Math.abs(x)) * DEGREES;
  };
  return Math.abs(slope(lines[0], lines[1]) - slope(lines[2], lines[3]));
}
