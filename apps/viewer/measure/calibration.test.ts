import { expect, it } from 'vitest';
import type { Frame } from '../frame';
import { calibratedSpacing, isTrusted, knownLength, sameGeometry } from './calibration';
import { lengthOf } from './length';
import { areaOf, rectangle } from './region';

const frame = (facts: Partial<Frame> = {}): Frame => ({ rows: 400, columns: 400, spacing: null, spacing_kind: 'none', ...facts }) as Frame;

it('takes lengths that can be, and no others', () => {
  expect(['100', ' 85.6 ', '12,5', '2000', '0.5'].map(knownLength)).toEqual([100, 85.6, 12.5, 2000, 0.5]);
  for (const text of ['', '0', '0.0', '-5', '2000.1', '1e3', 'abc', 'NaN', 'Infinity', '10 mm', '1.2.3']) expect(knownLength(text), text).toBeNull();
});

it('gives mm in both directions, with the pixels as uneven as the header says', () => {
  expect(calibratedSpacing(frame(), [[0, 0], [30, 40]], 100)).toEqual([2, 2]);
  const film = frame({ spacing: [0.1, 0.2], spacing_kind: 'imager' });
  const spacing = calibratedSpacing(film, [[5, 5], [15, 5]], 10) as [number, number];
  expect(spacing[0]).toBeCloseTo(0.5, 12);
  expect(spacing[1]).toBeCloseTo(1, 12);
  const known = { ...film, calibrated: spacing };
  expect(lengthOf(known, [0, 0], [0, 20])).toEqual({ value: 10, unit: 'mm (calibrated)' });
  expect(areaOf(known, rectangle([[0, 0], [10, 0], [0, 20], [10, 20]]))).toEqual({ value: 100, unit: 'mm² (calibrated)' });
  // once more, on what is calibrated already: from the header again
  expect(calibratedSpacing(known, [[5, 5], [15, 5]], 10)).toEqual(spacing);
  expect(calibratedSpacing(frame(), [[3, 3], [3, 3]], 10)).toBeNull();
});

it('knows where the header knows better, and which images are alike', () => {
  const line = [[0, 0], [10, 0]] as const;
  expect(isTrusted(frame(), line)).toBe(false);
  expect(isTrusted(frame({ spacing: [0.1, 0.1], spacing_kind: 'imager' }), line)).toBe(false);
  expect(isTrusted(frame({ spacing: [0.5, 0.5], spacing_kind: 'pixel', calibrated: [1, 1] }), line)).toBe(true);
  const us = frame({ spacing_kind: 'region', regions: [{ x0: 0, y0: 0, x1: 50, y1: 50, spacing: [0.1, 0.1] }] });
  expect([isTrusted(us, line), isTrusted(us, [[0, 0], [90, 0]])]).toEqual([true, false]);
  expect(sameGeometry(frame({ index: 1 }), frame({ index: 5 }))).toBe(true);
  expect(sameGeometry(frame(), frame({ rows: 401 }))).toBe(false);
  expect(sameGeometry(frame(), frame({ spacing: [1, 1], spacing_kind: 'imager' }))).toBe(false);
});
