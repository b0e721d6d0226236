import { expect, it } from 'vitest';
import { Livewire } from './livewire';

const SIZE = 512;

/** A disc of radius 100 around (256, 256), with noise, and one bright clip far brighter than it. */
function disc(samples = 1): { values: Int16Array; columns: number; rows: number; samples: number } {
  const values = new Int16Array(SIZE * SIZE * samples);
  let seed = 1;
  for (let at = 0; at < SIZE * SIZE; at += 1) {
    seed = (seed * 16807) % 2147483647;
    const [x, y] = [at % SIZE, Math.floor(at / SIZE)];
    const value = (Math.hypot(x - 256, y - 256) <= 100 ? 200 : 100) + (seed % 21) - 10 + (x < 12 && y < 12 ? 20000 : 0);
    for (let part = 0; part < samples; part += 1) values[at * samples + part] = value;
  }
  return { values, columns: SIZE, rows: SIZE, samples };
}

it.each([1, 3])('goes along the edge, not straight across (samples: %d)', (samples) => {
  const wire = new Livewire(disc(samples), [356, 257]);
  for (const degrees of [60, 120, -90]) {
    const [x, y] = [256 + 100 * Math.cos((degrees * Math.PI) / 180), 256 + 100 * Math.sin((degrees * Math.PI) / 180)];
    const way = wire.to([x, y]);
    expect(way[0]).toEqual([356, 257]);
    expect(way.at(-1)).toEqual([Math.round(x), Math.round(y)]);
    for (const [u, v] of way) expect(Math.abs(Math.hypot(u - 256, v - 256) - 100)).toBeLessThan(3);
    way.slice(1).forEach(([u, v], before) => expect(Math.max(Math.abs(u - (way[before]?.[0] ?? 0)), Math.abs(v - (way[before]?.[1] ?? 0)))).toBe(1));
  }
});

it('goes straight where nothing is, and stays in the picture', () => {
  const flat = { values: new Int16Array(60 * 40), columns: 60, rows: 40, samples: 1 };
  expect(new Livewire(flat, [5, 5]).to([25, 5])).toHaveLength(21);
  expect(new Livewire(flat, [5, 5]).to([900, -30]).at(-1)).toEqual([59, 0]);
  expect(new Livewire(flat, [-4, 70]).to([0, 39])).toEqual([[0, 39]]);
});
