/** The scale bar: a round length that fits. */
export interface Scale {
  /** Length on the screen, CSS pixels. */
  pixels: number;
  text: string;
  /** mm at the detector, not in the patient. */
  detector: boolean;
}

const STEPS = [200, 100, 50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1];

/** The longest round length that fits `room` CSS pixels; null when even the shortest does not, or nothing is known. */
export function scaleFor(mmPerPixel: number, room: number, detector: boolean): Scale | null {
  if (!(mmPerPixel > 0) || !(room > 0)) return null;
  const length = STEPS.find((step) => step / mmPerPixel <= room);
  if (length === undefined) return null;
  return { pixels: length / mmPerPixel, text: length >= 10 && length % 10 === 0 ? `${length / 10} cm` : `${length} mm`, detector };
}
