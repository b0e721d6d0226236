import { describe, expect, it } from 'vitest';
import { blurred, edges, filtered, gaussian, isFilter } from './filter';
import type { Frame } from './frame';
import type { FramePixels } from './pixels';

const frame = (rows: number, columns: number, samples: 1 | 3 = 1): Frame => ({ rows, columns, samples, photometric: 'MONOCHROME2' }) as Frame;
const pixels = (values: Int16Array | Uint8Array, padding: number | null = null): FramePixels => ({ values, padding, min: Math.min(...[...values].filter((one) => one !== padding)), max: Math.max(...values) });

describe('filters', () => {
  it('smoothing keeps the sum of a point and spreads it as a Gaussian', () => {
    const point = new Float32Array(41 * 41);
    point[20 * 41 + 20] = 1000;
    const out = blurred(point, 41, 41, 2);
    expect(out.reduce((all, one) => all + one, 0)).toBeCloseTo(1000, 0);
    // exp(-(9+16)/8) of the peak, by the definition of the Gaussian
    expect((out[24 * 41 + 23] as number) / (out[20 * 41 + 20] as number)).toBeCloseTo(Math.exp(-25 / 8), 3);
    expect(gaussian(3).reduce((all, one) => all + one, 0)).toBeCloseTo(1, 6);
  });

  it('a flat image stays as it is under every filter', () => {
    const flat = new Int16Array(30 * 20).fill(-137);
    for (const name of ['sharpen', 'smooth', 'edge'] as const) {
      for (const value of filtered(frame(20, 30), pixels(flat), { name, strength: 10 })) expect(value).toBeCloseTo(-137, 2);
    }
  });

  it('edges: a ramp has its slope everywhere, a flat part nothing', () => {
    const ramp = Float32Array.from({ length: 12 * 12 }, (_, i) => 7 * (i % 12));
    const out = edges(ramp, 12, 12);
    for (let y = 1; y < 11; y += 1) for (let x = 1; x < 11; x += 1) expect(out[y * 12 + x]).toBeCloseTo(7, 4);
  });

  it('sharpening steepens a step and leaves what is far from it', () => {
    const step = Int16Array.from({ length: 40 * 9 }, (_, i) => (i % 40 < 20 ? 0 : 100));
    const out = filtered(frame(9, 40), pixels(step), { name: 'sharpen', strength: 5 });
    expect(out[4 * 40 + 20]).toBeGreaterThan(110);
    expect(out[4 * 40 + 19]).toBeLessThan(-10);
    expect(out[4 * 40 + 2]).toBeCloseTo(0, 3);
    expect(out[4 * 40 + 37]).toBeCloseTo(100, 3);
  });

  it('padding stays padding and does not darken its neighbours', () => {
    const values = Int16Array.from({ length: 20 * 20 }, (_, i) => (i % 20 < 5 ? -2000 : 50));
    const out = filtered(frame(20, 20), pixels(values, -2000), { name: 'smooth', strength: 10 });
    for (let i = 0; i < out.length; i += 1) expect(out[i]).toBeCloseTo(i % 20 < 5 ? -2000 : 50, 3);
  });

  it('colours are filtered each by itself and stay bytes', () => {
    const values = Uint8Array.from({ length: 10 * 10 * 3 }, (_, i) => (i % 3 === 0 ? 200 : i % 3 === 1 ? (Math.floor(i / 3) % 10 < 5 ? 0 : 255) : 7));
    for (const name of ['sharpen', 'smooth', 'edge'] as const) {
      const out = filtered(frame(10, 10, 3), pixels(values), { name, strength: 10 });
      expect(out).toBeInstanceOf(Uint8Array);
      for (let i = 0; i < out.length; i += 3) expect([out[i], out[i + 2]]).toEqual([200, 7]);
    }
  });

  it('what comes from outside is looked at', () => {
    expect(isFilter({ name: 'sharpen', strength: 3 })).toBe(true);
    for (const wrong of [null, {}, { name: 'x', strength: 3 }, { name: 'edge', strength: 0 }, { name: 'edge', strength: 11 }, { name: 'edge', strength: NaN }]) expect(isFilter(wrong)).toBe(false);
  });
});
