import { describe, expect, it } from 'vitest';
import { nextImage, type CineMode } from './cine';

function order(count: number, mode: CineMode, steps: number, from = 0): number[] {
  let [at, direction]: [number, 1 | -1] = [from, mode === 'backward' ? -1 : 1];
  return Array.from({ length: steps }, () => {
    ({ at, direction } = nextImage(at, count, direction, mode));
    return at;
  });
}

describe('the order of playing', () => {
  it('forward begins again, backward goes round, to and fro shows each end once', () => {
    expect(order(4, 'forward', 6)).toEqual([1, 2, 3, 0, 1, 2]);
    expect(order(4, 'backward', 6)).toEqual([3, 2, 1, 0, 3, 2]);
    expect(order(4, 'bounce', 9)).toEqual([1, 2, 3, 2, 1, 0, 1, 2, 3]);
    expect(order(2, 'bounce', 4)).toEqual([1, 0, 1, 0]);
  });
  it('one image, or none, stays', () => {
    for (const mode of ['forward', 'backward', 'bounce'] as const) {
      expect(order(1, mode, 3)).toEqual([0, 0, 0]);
      expect(order(0, mode, 2)).toEqual([0, 0]);
    }
  });
});
