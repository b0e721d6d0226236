/** From stored pixels to modality values (PS3.3 C.11.1): what probe, window and measurements work on. */
import type { Frame } from './frame';

export type PixelArray = Uint8Array | Int16Array | Uint16Array | Float32Array;

export interface FramePixels {
  /** rows × columns (× 3 for colour), row by row; modality values for grey, display values for colour. */
  values: PixelArray;
  /** Range of the values, padding left out. */
  min: number;
  max: number;
  /** The modality value of padding, null when there is none. */
  padding: number | null;
}

/** Rescale of a frame; a missing or zero slope means 1 (a zero slope would make every pixel equal). */
export function rescaleOf(frame: Frame): { slope: number; intercept: number } {
  const slope = frame.slope === null || frame.slope === 0 || !Number.isFinite(frame.slope) ? 1 : frame.slope;
  return { slope, intercept: frame.intercept ?? 0 };
}

/** Whether grey is inverted after window or VOI LUT; a header that the node did not judge goes by its Photometric Interpretation. */
export function inverseOf(frame: Frame): boolean {
  return frame.inverse ?? frame.photometric === 'MONOCHROME1';
}

/** Padding as a stored value of the pixel's own sign: some files write −2000 as 63536. */
export function storedPadding(frame: Frame): number | null {
  if (frame.padding === null || frame.padding === undefined || frame.samples !== 1) return null;
  const span = 2 ** frame.bits;
  if (frame.signed && frame.padding >= span / 2) return frame.padding - span;
  if (!frame.signed && frame.padding < 0) return frame.padding + span;
  return frame.padding;
}

function storedView(frame: Frame, buffer: ArrayBuffer): Uint8Array | Int8Array | Int16Array | Uint16Array | Int32Array | Uint32Array {
  if (frame.bits === 8) return frame.signed ? new Int8Array(buffer) : new Uint8Array(buffer);
  if (frame.bits === 16) return frame.signed ? new Int16Array(buffer) : new Uint16Array(buffer);
  return frame.signed ? new Int32Array(buffer) : new Uint32Array(buffer);
}

function colour(frame: Frame, buffer: ArrayBuffer): FramePixels {
  if (frame.bits === 8) return { values: new Uint8Array(buffer), min: 0, max: 255, padding: null };
  const wide = storedView(frame, buffer);
  const shift = frame.bits - 8;
  const values = new Uint8Array(wide.length);
  for (let i = 0; i < wide.length; i += 1) values[i] = (wide[i] as number) >>> shift;
  return { values, min: 0, max: 255, padding: null };
}

/**
 * Modality values of one frame. Integers stay integers (in place where the type has the same width); a broken slope,
 * or a range beyond 16 bit, becomes 32-bit float.
 */
export function modalityValues(frame: Frame, buffer: ArrayBuffer): FramePixels {
  if (frame.samples === 3) return colour(frame, buffer);
  const stored = storedView(frame, buffer);
  const { slope, intercept } = rescaleOf(frame);
  const padding = storedPadding(frame);

  let low = Infinity;
  let high = -Infinity;
  let lowAll = Infinity;
  let highAll = -Infinity;
  for (let i = 0; i < stored.length; i += 1) {
    const value = stored[i] as number;
    if (value < lowAll) lowAll = value;
    if (value > highAll) highAll = value;
    if (value === padding) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) [low, high] = [lowAll, highAll];
  const ends = [low * slope + intercept, high * slope + intercept];
  const allEnds = [lowAll * slope + intercept, highAll * slope + intercept];
  const range = {
    min: Math.min(...ends),
    max: Math.max(...ends),
    padding: padding === null ? null : padding * slope + intercept,
  };
  const least = Math.min(...allEnds);
  const most = Math.max(...allEnds);

  const identity = slope === 1 && intercept === 0;
  if (identity && (stored instanceof Uint8Array || stored instanceof Int16Array || stored instanceof Uint16Array)) return { values: stored, ...range };
  if (Number.isInteger(slope) && Number.isInteger(intercept)) {
    const inPlace = frame.bits === 16 ? buffer : null;
    const count = stored.length;
    let values: Int16Array | Uint16Array | null = null;
    if (least >= -32768 && most <= 32767) values = inPlace ? new Int16Array(inPlace) : new Int16Array(count);
    else if (least >= 0 && most <= 65535) values = inPlace ? new Uint16Array(inPlace) : new Uint16Array(count);
    if (values) {
      for (let i = 0; i < count; i += 1) values[i] = (stored[i] as number) * slope + intercept;
      return { values, ...range };
    }
  }
  const values = new Float32Array(stored.length);
  for (let i = 0; i < stored.length; i += 1) values[i] = (stored[i] as number) * slope + intercept;
  return { values, ...range };
}

/** What the renderer gets: the same values, except that padding of an inverted image is moved to the end that draws black. */
export function displayValues(frame: Frame, pixels: FramePixels): PixelArray {
  const { values, padding, max } = pixels;
  if (padding === null || !inverseOf(frame) || padding >= max) return values;
  const black = values instanceof Uint8Array ? 255 : values instanceof Int16Array ? 32767 : values instanceof Uint16Array ? 65535 : max + Math.abs(max) + 1;
  const shown = values.slice();
  for (let i = 0; i < shown.length; i += 1) if (shown[i] === padding) shown[i] = black;
  return shown;
}
