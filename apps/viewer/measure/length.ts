/** Lengths in the image's own units (V-9): mm only where the header gives them, and saying which mm they are. */
import type { Frame, Region } from '../frame';
import { say, type Language, type Word } from '../words';

/** Column and row in pixels; (0, 0) is the middle of the first pixel. */
export type ImagePoint = readonly [number, number];

export type LengthUnit = 'mm' | 'mm (detector)' | 'mm (US)' | 'mm (calibrated)' | 'px';

export interface Length {
  value: number;
  unit: LengthUnit;
}

function inside(region: Region, [x, y]: ImagePoint): boolean {
  return x >= region.x0 && x <= region.x1 && y >= region.y0 && y <= region.y1;
}

/** mm per pixel between rows and between columns for a line of these points, or null where only pixels are honest. */
export function spacingFor(frame: Frame, points: readonly ImagePoint[]): [number, number] | null {
  if (frame.calibrated) return frame.calibrated;
  let { spacing } = frame;
  if (frame.spacing_kind === 'none') return null;
  if (frame.spacing_kind === 'region') {
    // Outside a calibrated region, or across two, an ultrasound picture has no mm.
    const region = frame.outside ? undefined : frame.regions?.find((one) => points.every((point) => inside(one, point)));
    spacing = region?.spacing ?? null;
  }
  return spacing && spacing[0] > 0 && spacing[1] > 0 ? spacing : null;
}

export function lengthUnit(frame: Frame): LengthUnit {
  if (frame.calibrated) return 'mm (calibrated)';
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

const ORIGINS: Record<string, Word> = { detector: 'unitDetector', US: 'unitUltrasound', calibrated: 'unitCalibrated' };

/** A unit as it is read: where its mm come from stands in the reader's language; what is kept and exported does not change. */
export function unitText(unit: string, language: Language): string {
  return unit.replace(/ \((detector|US|calibrated)\)$/, (_, origin: string) => say(ORIGINS[origin] as Word, language));
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
