/** Lengths in the image's own units (V-9): mm only where the header gives them, and saying which mm they are. */
import type { Frame } from './frame';

/** Column and row in pixels; (0, 0) is the middle of the first pixel. */
export type ImagePoint = readonly [number, number];

export type LengthUnit = 'mm' | 'mm (detector)' | 'mm (US)' | 'px';

export interface Length {
  value: number;
  unit: LengthUnit;
}

function inside(frame: Frame, point: ImagePoint): boolean {
  const region = frame.region;
  if (!region) return true;
  // A region may reach beyond a picture that was shrunk afterwards: the clipped part counts.
  const [x0, y0, x1, y1] = [Math.max(0, region[0]), Math.max(0, region[1]), Math.min(frame.columns - 1, region[2]), Math.min(frame.rows - 1, region[3])];
  return point[0] >= x0 && point[0] <= x1 && point[1] >= y0 && point[1] <= y1;
}

/** mm per pixel between rows and between columns for a line of these points, or null where only pixels are honest. */
export function spacingFor(frame: Frame, points: readonly ImagePoint[]): [number, number] | null {
  const { spacing } = frame;
  if (!spacing || frame.spacing_kind === 'none' || !(spacing[0] > 0) || !(spacing[1] > 0)) return null;
  if (frame.spacing_kind === 'region' && !points.every((point) => inside(frame, point))) return null;
  return spacing;
}

export function lengthUnit(frame: Frame): LengthUnit {
  if (frame.spacing_kind === 'imager') return 'mm (detector)';
  return frame.spacing_kind === 'region' ? 'mm (US)' : 'mm';
}

export function lengthOf(frame: Frame, from: ImagePoint, to: ImagePoint): Length {
  const spacing = spacingFor(frame, [from, to]);
  const [row, column] = spacing ?? [1, 1];
  return {
    value: Math.hypot((to[0] - from[0]) * column, (to[1] - from[1]) * row),
    unit: spacing ? lengthUnit(frame) : 'px',
  };
}

/** Unit of pixel values: Rescale Type (0028,1054); CT means HU where nothing else is said (PS3.3 C.8.2.1.1.2). */
export function valueUnit(frame: Frame, modality: string | null): string {
  const type = (frame.rescale_type ?? '').trim().toUpperCase();
  if (type === '') return modality === 'CT' ? 'HU' : '';
  return type === 'US' ? '' : (frame.rescale_type ?? '').trim();
}

/** A value as it is written: whole numbers as they are, others with the digits that matter. */
export function valueText(value: number): string {
  return Number.isInteger(value) ? String(value) : Math.abs(value) >= 100 ? value.toFixed(1) : value.toPrecision(4);
}
