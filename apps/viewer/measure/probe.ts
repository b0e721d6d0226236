/** Pixel values of a frame by column and row. */
import type { ImageSource } from '../source';
import { valueText } from './length';

export interface Probe {
  /** Modality value, three for colour, null outside the picture or while the frame is not here. */
  value: number | number[] | null;
  text: string | null;
  /** The pixel is padding: no value of the patient. */
  padding: boolean;
}

const NOTHING: Probe = { value: null, text: null, padding: false };

/** The pixel whose area holds the point; `(0, 0)` is the middle of the first pixel. */
export function probeFrame(series: ImageSource, index: number, [x, y]: readonly [number, number]): Probe {
  const frame = series.frame(index);
  const pixels = series.pixels(index);
  const [column, row] = [Math.round(x), Math.round(y)];
  if (!pixels || !(column >= 0 && row >= 0 && column < frame.columns && row < frame.rows)) return NOTHING;
  const at = row * frame.columns + column;
  if (frame.samples === 3) {
    const value = [0, 1, 2].map((part) => pixels.values[at * 3 + part] as number);
    return { value, text: `R ${value[0]} G ${value[1]} B ${value[2]}`, padding: false };
  }
  const value = pixels.values[at] as number;
  return { value, text: valueText(value), padding: value === pixels.padding };
}
