/** Measurements of children's hips and legs: acetabular index, Graf's angles, leg length. Angles in degrees of the patient's plane. */
import type { Frame } from '../frame';
import { toWorld } from '../geometry';
import { angleAt } from './angles';
import { lengthOf, type ImagePoint, type LengthUnit } from './length';

/** Names of two places: the patient's right and left where the image has an orientation, else the first and the second. */
export function sidesOf(frame: Frame, first: ImagePoint, second: ImagePoint): [string, string] {
  if (frame.orientation?.length !== 6) return ['1', '2'];
  const [a, b] = [toWorld(frame, first), toWorld(frame, second)];
  const across = b[0] - a[0];
  // Mostly across the patient: else left and right are not what tells them apart.
  if (Math.abs(across) < 0.7 * Math.hypot(across, b[1] - a[1], b[2] - a[2])) return ['1', '2'];
  return across > 0 ? ['R', 'L'] : ['L', 'R'];
}

/**
 * Acetabular index (Hilgenreiner 1925; Tönnis 1976): between the line through both triradiate cartilages and each acetabular roof.
 * Points: triradiate cartilage of both sides, then the lateral edge of the roof of the first and of the second.
 */
export function acetabularIndex(frame: Frame, [first, second, roofFirst, roofSecond]: readonly ImagePoint[]): [number, number] {
  const beyond = (from: ImagePoint, to: ImagePoint): ImagePoint => [2 * to[0] - from[0], 2 * to[1] - from[1]];
  const [a, b] = [first, second] as [ImagePoint, ImagePoint];
  return [angleAt(frame, beyond(b, a), a, roofFirst as ImagePoint), angleAt(frame, beyond(a, b), b, roofSecond as ImagePoint)];
}

/** Between two lines, 0 to 90. */
function between(frame: Frame, a: ImagePoint, b: ImagePoint, c: ImagePoint, d: ImagePoint): number {
  const angle = angleAt(frame, b, a, [a[0] + d[0] - c[0], a[1] + d[1] - c[1]]);
  return Math.min(angle, 180 - angle);
}

/** α between base line and bony roof, β between base line and cartilage roof. Points: the ends of the three lines in this order. */
export function grafAngles(frame: Frame, points: readonly ImagePoint[]): { alpha: number; beta: number } {
  const [a, b, c, d, e, f] = points as [ImagePoint, ImagePoint, ImagePoint, ImagePoint, ImagePoint, ImagePoint];
  return { alpha: between(frame, a, b, c, d), beta: between(frame, a, b, e, f) };
}

/**
 * Type by the angles (Graf R. Hip Sonography, 2nd ed., Springer 2006). A suggestion: IIa and IIb differ by age (12 weeks), III and IV by
 * the shape of the roof, which angles do not tell.
 */
export function grafType(alpha: number, beta: number): string {
  if (alpha >= 60) return beta < 55 ? 'Ia' : 'Ib';
  if (alpha >= 50) return 'IIa / IIb';
  if (alpha >= 43) return beta <= 77 ? 'IIc' : 'D';
  return 'III / IV';
}

export interface Leg {
  femur: number;
  tibia: number;
  total: number;
}

/** Both legs; points of each: top of the femoral head, middle of the knee, middle of the ankle. Pixels as soon as one part has no mm. */
export function legLengths(frame: Frame, points: readonly ImagePoint[]): { legs: [Leg, Leg]; difference: number; unit: LengthUnit } {
  const parts = [[0, 1], [1, 2], [3, 4], [4, 5]].map(([a, b]) => [points[a as number], points[b as number]] as [ImagePoint, ImagePoint]);
  const measured = parts.map(([a, b]) => lengthOf(frame, a, b));
  const unit = measured.find((one) => one.unit === 'px')?.unit ?? (measured[0]?.unit as LengthUnit);
  const [f1, t1, f2, t2] = parts.map(([a, b], at) => (unit === 'px' ? Math.hypot(b[0] - a[0], b[1] - a[1]) : Number(measured[at]?.value))) as [number, number, number, number];
  return { legs: [{ femur: f1, tibia: t1, total: f1 + t1 }, { femur: f2, tibia: t2, total: f2 + t2 }], difference: Math.abs(f1 + t1 - f2 - t2), unit };
}
