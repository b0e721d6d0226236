import { describe, expect, it } from 'vitest';
import type { Frame } from '../frame';
import { acetabularIndex, grafAngles, grafType, legLengths, sidesOf } from './children';
import type { ImagePoint } from './length';

const frame = (facts: Partial<Frame> = {}): Frame => ({ rows: 400, columns: 400, spacing: [0.5, 2], spacing_kind: 'pixel', position: [0, 0, 0], ...facts }) as Frame;
const CORONAL = [1, 0, 0, 0, 0, -1];
const RADIANS = Math.PI / 180;

/** A place given in mm on pixels of 0.5 × 2 mm. */
const at = (x: number, y: number): ImagePoint => [x / 2, y / 0.5];
const from = ([x, y]: ImagePoint, length: number, degrees: number): ImagePoint => [x + (length * Math.cos(degrees * RADIANS)) / 2, y - (length * Math.sin(degrees * RADIANS)) / 0.5];

describe('hips', () => {
  const [right, left] = [at(100, 100), at(200, 100)];

  it('have the acetabular index they were drawn with, on uneven pixels and a tilted pelvis', () => {
    for (const tilt of [0, 12]) {
      const other = from(right, 100, tilt);
      const points = [right, other, from(right, 30, 180 + tilt - 25), from(other, 30, tilt + 31)];
      acetabularIndex(frame(), points).forEach((angle, side) => expect(angle).toBeCloseTo([25, 31][side] as number, 9));
    }
  });

  it('are named by the patient’s sides where the image tells them', () => {
    expect(sidesOf(frame({ orientation: CORONAL }), right, left)).toEqual(['R', 'L']);
    expect(sidesOf(frame({ orientation: CORONAL }), left, right)).toEqual(['L', 'R']);
    expect(sidesOf(frame({ orientation: [-1, 0, 0, 0, 0, -1] }), right, left)).toEqual(['L', 'R']);
    expect(sidesOf(frame({ orientation: [0, 1, 0, 0, 0, -1] }), right, left)).toEqual(['1', '2']);
    expect(sidesOf(frame(), right, left)).toEqual(['1', '2']);
  });

  it('have Graf’s angles, whichever way the lines are drawn', () => {
    const [rim, top] = [at(60, 100), at(60, 40)];
    const lines: [ImagePoint, ImagePoint][] = [[top, rim], [rim, from(rim, 40, 90 - 62)], [rim, from(rim, 40, 90 + 51)]];
    for (const flipped of [false, true]) {
      const { alpha, beta } = grafAngles(frame(), lines.flatMap(([a, b]) => (flipped ? [b, a] : [a, b])));
      expect(alpha).toBeCloseTo(62, 9);
      expect(beta).toBeCloseTo(51, 9);
    }
  });

  it.each([[60, 54, 'Ia'], [65, 55, 'Ib'], [59.9, 60, 'IIa / IIb'], [50, 60, 'IIa / IIb'], [49.9, 77, 'IIc'], [43, 60, 'IIc'], [43, 77.1, 'D'], [42.9, 60, 'III / IV']])('α %d and β %d: type %s', (alpha, beta, type) => {
    expect(grafType(alpha, beta)).toBe(type);
  });
});

it('legs are as long as thigh and lower leg together', () => {
  const points = [at(100, 0), at(100, 300), at(100, 550), at(200, 0), at(200, 290), at(200, 550)];
  const { legs, difference, unit } = legLengths(frame(), points);
  expect(legs).toEqual([{ femur: 300, tibia: 250, total: 550 }, { femur: 290, tibia: 260, total: 550 }]);
  expect([difference, unit]).toEqual([0, 'mm']);
  const film = legLengths(frame({ spacing: null, spacing_kind: 'none' }), [[0, 0], [0, 30], [40, 30], [9, 0], [9, 50], [9, 55]]);
  expect(film).toEqual({ legs: [{ femur: 30, tibia: 40, total: 70 }, { femur: 50, tibia: 5, total: 55 }], difference: 15, unit: 'px' });
});
