import { describe, expect, it } from 'vitest';
import { isStraight, quarterOf, sameTurn, shortTurn, turnOf } from './turned';
import { ellipseWith, rectangleWith } from './tools/sides';

describe('turns', () => {
  it.each([[0, 0], [360, 0], [-90, 270], [-0.04, 0], [359.96, 0], [12.54, 12.5], [-1234.5, 205.5], [180, 180]])('%d is %d', (given, turn) => expect(turnOf(given)).toBe(turn));
  it.each([[347.5, -12.5], [180, 180], [180.1, -179.9], [90, 90], [-0.1, -0.1]])('%d is said as %d', (given, said) => expect(shortTurn(given)).toBe(said));
  it('lie along the edges at quarters only', () => {
    expect([0, 90, 180, 270, 360, -90].every(isStraight)).toBe(true);
    expect([0.1, 45, 89.9, 30].some(isStraight)).toBe(false);
  });
  it.each([[7.5, 0], [44.9, 0], [97, 90], [352.5, 0], [180, 180], [226, 270]])('of %d suit other patients as %d', (rotation, quarter) => expect(quarterOf({ rotation, mirrored: true })).toEqual({ rotation: quarter, mirrored: true }));
  it('are the same after whole rounds, and not in a mirror', () => {
    expect(sameTurn({ rotation: 370, mirrored: false }, { rotation: 10, mirrored: false })).toBe(true);
    expect(sameTurn({ rotation: 10, mirrored: true }, { rotation: 10, mirrored: false })).toBe(false);
  });
});

describe('handles of a turned figure', () => {
  // 40 × 20, its long side 30° off the x axis
  const [c, s] = [Math.cos(Math.PI / 6), Math.sin(Math.PI / 6)];
  const at = (u: number, v: number): [number, number, number] => [100 + u * c - v * s, 50 + u * s + v * c, 7];
  const close = (found: readonly (readonly number[])[], wanted: readonly (readonly number[])[]): void => found.forEach((point, i) => point.forEach((value, axis) => expect(value).toBeCloseTo(wanted[i]?.[axis] as number, 9)));

  it.each([0, 1, 2, 3])('corner %i keeps the opposite corner and the right angles', (handle) => {
    const points = [at(0, 0), at(40, 0), at(0, 20), at(40, 20)];
    // every corner is pulled out by (6, 4) along the sides
    const wanted = [[at(-6, -4), at(40, -4), at(-6, 20), at(40, 20)], [at(0, -4), at(46, -4), at(0, 20), at(46, 20)], [at(-6, 0), at(40, 0), at(-6, 24), at(40, 24)], [at(0, 0), at(46, 0), at(0, 24), at(46, 24)]][handle] as [number, number, number][];
    close(rectangleWith(points, handle, wanted[handle] as [number, number, number]), wanted);
  });

  it('end of an axis moves along it, the other axis stays', () => {
    const points = [at(0, -10), at(0, 10), at(-20, 0), at(20, 0)];
    close(ellipseWith(points, 3, at(26, 5)), [at(0, -10), at(0, 10), at(-26, 0), at(26, 0)]);
    close(ellipseWith(points, 0, at(3, -14)), [at(0, -14), at(0, 14), at(-20, 0), at(20, 0)]);
  });
});
