/**
 * Calibration by a known length (V-17): a line whose true length the reader knows gives the mm of a pixel in both directions, for every
 * image of the series that has the same geometry. The ratio of the directions is that of the header; pixels without one are square.
 */
import type { Frame } from '../frame';
import { spacingFor, type ImagePoint } from './length';

/** mm; nothing that is laid beside a patient is longer. */
export const LONGEST_KNOWN = 2000;

/** The known length a reader wrote, in mm; null when it is none. A comma is a decimal point too. */
export function knownLength(text: string): number | null {
  const value = /^\d{1,6}([.,]\d{1,6})?$/.test(text.trim()) ? Number(text.trim().replace(',', '.')) : NaN;
  return value > 0 && value <= LONGEST_KNOWN ? value : null;
}

/** mm between rows and between columns, so that the line is `known` mm long; null for a line without length. */
export function calibratedSpacing(frame: Frame, [from, to]: readonly [ImagePoint, ImagePoint], known: number): [number, number] | null {
  const [row, column] = headerSpacing(frame, [from, to]) ?? frame.spacing ?? [1, 1];
  const length = Math.hypot((to[0] - from[0]) * column, (to[1] - from[1]) * row);
  return length > 0 ? [(row * known) / length, (column * known) / length] : null;
}

/** What the header says of a place, whatever is calibrated. */
export function headerSpacing(frame: Frame, points: readonly ImagePoint[]): [number, number] | null {
  return spacingFor({ ...frame, calibrated: null }, points);
}

/** Whether the mm of the header are those of the patient: then a calibration is hardly ever right. */
export function isTrusted(frame: Frame, points: readonly ImagePoint[]): boolean {
  return frame.spacing_kind !== 'imager' && headerSpacing(frame, points) !== null;
}

/** Whether a calibration of one image holds on another of its series: same size, same spacing by the same rule. */
export function sameGeometry(a: Frame, b: Frame): boolean {
  const facts = ({ rows, columns, spacing, spacing_kind, regions, plane }: Frame): string => JSON.stringify([rows, columns, spacing, spacing_kind, regions ?? null, plane ?? null]);
  return facts(a) === facts(b);
}
