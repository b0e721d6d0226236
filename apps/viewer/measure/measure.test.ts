import { describe, expect, it } from 'vitest';
import type { Frame } from '../frame';
import { History } from '../history';
import type { Measurement } from '../measurements';
import type { Series } from '../store';
import { angleAt, cobbAngle } from './angles';
import { isKind, kindOfTool, KINDS } from './kinds';
import { thinned } from './thin';
import { areaOf, ellipse, rectangle, regionStats } from './region';

const frame = (facts: Partial<Frame> = {}): Frame =>
  ({ index: 0, sop_uid: '1', frame: 1, rows: 10, columns: 10, samples: 1, spacing: [1, 1], spacing_kind: 'pixel', ...facts }) as Frame;

const series = (facts: Partial<Frame> = {}, padding: number | null = null): Series =>
  ({ frame: () => frame(facts), pixels: () => ({ values: Int16Array.from({ length: 100 }, (_, at) => at), padding }) }) as unknown as Series;

describe('angles', () => {
  it('are those of the patient where pixels are not square', () => {
    expect(angleAt(frame(), [1, 0], [0, 0], [0, 1])).toBeCloseTo(90, 12);
    expect(angleAt(frame(), [1, 0], [0, 0], [1, 1])).toBeCloseTo(45, 12);
    expect(angleAt(frame({ spacing: [Math.sqrt(3), 1] }), [1, 0], [0, 0], [1, 1])).toBeCloseTo(60, 12);
    expect(angleAt(frame(), [1, 0], [0, 0], [-5, 0])).toBeCloseTo(180, 12);
  });

  it('between end plates go beyond 90° and do not ask which end was first', () => {
    const plate = (degrees: number): [number, number] => [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
    for (const [first, second, expected] of [[20, -30, 50], [60, -50, 110], [0, 0, 0], [-10, 15, 25]] as const) {
      expect(cobbAngle(frame(), [[0, 0], plate(first), [0, 0], plate(second)])).toBeCloseTo(expected, 10);
      expect(cobbAngle(frame(), [plate(first), [0, 0], [0, 0], plate(second)])).toBeCloseTo(expected, 10);
      expect(cobbAngle(frame(), [[0, 0], plate(first), plate(second), [0, 0]])).toBeCloseTo(expected, 10);
    }
  });
});

describe('regions', () => {
  it('hold the pixels whose middle is inside', () => {
    const box = rectangle([[1.5, 2.5], [4.5, 2.5], [1.5, 3.5], [4.5, 3.5]]);
    expect(areaOf(frame({ spacing: [2, 0.5] }), box)).toEqual({ value: 3, unit: 'mm²' });
    expect(regionStats(series(), 0, box)).toMatchObject({ mean: 33, min: 32, max: 34, count: 3 });
    const turned = rectangle([[5, 2], [8, 5], [2, 5], [5, 8]]);
    expect(areaOf(frame({ spacing: null, spacing_kind: 'none' }), turned)).toEqual({ value: 18, unit: 'px²' });
    expect(regionStats(series(), 0, turned)?.count).toBe(25); // |x − 5| + |y − 5| ≤ 3
    const circle = ellipse([[5, 2], [5, 8], [2, 5], [8, 5]]);
    expect(areaOf(frame(), circle).value).toBeCloseTo(9 * Math.PI, 12);
    expect(regionStats(series(), 0, circle)?.count).toBe(29); // x² + y² ≤ 9
    expect(regionStats(series(), 0, circle)?.mean).toBeCloseTo(55, 10);
  });

  it('leave out padding, what is not there, and colour', () => {
    const all = rectangle([[-5, -5], [20, -5], [-5, 20], [20, 20]]);
    expect(regionStats(series(), 0, all)?.count).toBe(100);
    expect(regionStats(series({}, 99), 0, all)).toMatchObject({ max: 98, count: 99 });
    expect(regionStats(series({ samples: 3 }), 0, all)).toBeNull();
    expect(regionStats(series(), 0, rectangle([[1.1, 1.1], [1.2, 1.1], [1.1, 1.2], [1.2, 1.2]]))).toBeNull();
    expect(regionStats(series(), 0, rectangle([[1, 1], [1, 1], [1, 1], [1, 1]]))).toBeNull();
    const flat = { frame: () => frame(), pixels: () => ({ values: new Float32Array(100).fill(1e6 + 0.25), padding: null }) } as unknown as Series;
    expect(regionStats(flat, 0, all)).toMatchObject({ mean: 1e6 + 0.25, sd: 0 });
  });

  it('have no mm outside a calibrated part of an ultrasound picture', () => {
    const us = frame({ spacing_kind: 'region', regions: [{ x0: 0, y0: 0, x1: 5, y1: 5, spacing: [0.1, 0.1] }] } as Partial<Frame>);
    expect(areaOf(us, rectangle([[1, 1], [3, 1], [1, 3], [3, 3]])).unit).toBe('mm² (US)');
    expect(areaOf(us, rectangle([[4, 4], [7, 4], [4, 7], [7, 7]]))).toEqual({ value: 9, unit: 'px²' });
  });
});

it('knows its kinds by name and by tool, and nothing else', () => {
  for (const kind of Object.keys(KINDS)) expect([isKind(kind), kindOfTool(KINDS[kind as 'length'].tool)]).toEqual([true, kind]);
  for (const name of ['toString', '__proto__', '', 'Length', 3, null]) expect(isKind(name)).toBe(false);
  expect(kindOfTool('Length')).toBeUndefined();
});

it('undoes and does again until something else is done', () => {
  const history = new History();
  const list = (...ids: string[]): Measurement[] => ids.map((id) => ({ id, points: [] as [number, number][] })) as Measurement[];
  history.note(list('a'));
  history.note(list('a'));
  history.note(list('a', 'b'));
  expect(history.undo()).toEqual(list('a'));
  expect(history.redo()).toEqual(list('a', 'b'));
  expect(history.redo()).toBeNull();
  history.undo();
  history.note(list('a', 'c'));
  expect(history.redo()).toBeNull();
  expect([history.undo(), history.undo(), history.undo()]).toEqual([list('a'), [], null]);
  history.reset(list('z'));
  expect(history.undo()).toBeNull();
});

it('thins a line no further than it may be off', () => {
  const wave = Array.from({ length: 2000 }, (_, at): [number, number] => [at / 10, 20 * Math.sin(at / 100)]);
  const kept = thinned(wave, 0.2, 400);
  expect([kept[0], kept.at(-1)]).toEqual([0, 1999]);
  expect(kept.length).toBeLessThan(200);
  kept.slice(1).forEach((to, part) => {
    const [a, b] = [wave[kept[part] as number], wave[to]] as [[number, number], [number, number]];
    for (const [x, y] of wave.slice(kept[part], to)) {
      const off = Math.abs((b[0] - a[0]) * (a[1] - y) - (a[0] - x) * (b[1] - a[1])) / Math.hypot(b[0] - a[0], b[1] - a[1]);
      expect(off).toBeLessThanOrEqual(0.2 + 1e-9);
    }
  });
  const noise = Array.from({ length: 1500 }, (_, at): [number, number] => [at, (at * 7919) % 13]);
  expect(thinned(noise, 0.2, 400).length).toBeLessThanOrEqual(400);
  expect(thinned([[0, 0], [5, 5]], 0.2, 400)).toEqual([0, 1]);
});
