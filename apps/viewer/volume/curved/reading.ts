/** What a measurement on a CPR may say: along and across the curve it is true, everything else is of the flattened surface only. */
import type { Frame } from '../../frame';
import type { ImagePoint } from '../../measure/length';
import type { Reading } from '../../measure/kinds';
import { say, type Language } from '../../words';

/** A line within so many degrees of the rows or columns runs across or along the curve. */
const WITHIN = 5;

/**
 * The reading of a measurement with the words a curved picture needs. Straightened: a line along the columns is arc length, one along
 * the rows is a distance across; any other is approximate. Stretched: lengths are those on the curved surface. Angles and areas are of
 * the flattened picture, and marked so. Values of pixels are what they are.
 */
export function curvedReading(frame: Frame, kind: string, points: readonly ImagePoint[], reading: Reading, language: Language): Reading {
  const { curved, spacing } = frame;
  if (!curved || !spacing || reading.value === null || kind === 'probe') return reading;
  const approximate = { ...reading, lines: reading.lines.map((line) => `≈ ${line}`).concat(say('flattened', language)) };
  if (kind !== 'length' && kind !== 'polyline') return approximate;
  if (curved.mode === 'stretched') return { ...reading, lines: [...reading.lines, say('onSurface', language)] };
  const [from, to] = points as [ImagePoint, ImagePoint];
  if (kind === 'length') {
    const [across, along] = [Math.abs(to[0] - from[0]) * spacing[1], Math.abs(to[1] - from[1]) * spacing[0]];
    const slope = (Math.atan2(across, along) * 180) / Math.PI;
    if (slope <= WITHIN) return exact(along, 'alongCurve');
    if (slope >= 90 - WITHIN) return exact(across, 'acrossCurve');
  }
  return approximate;

  function exact(value: number, word: 'alongCurve' | 'acrossCurve'): Reading {
    return { value, unit: 'mm', lines: [`${value < 10 ? value.toFixed(2) : value.toFixed(1)} mm`, say(word, language)] };
  }
}
