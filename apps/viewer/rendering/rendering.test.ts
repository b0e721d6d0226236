import { describe, expect, it } from 'vitest';
import type { Frame } from '../frame';
import { toWorld } from '../geometry';
import type { Vector } from '../orientation';
import type { FramePixels } from '../pixels';
import { volumeOf, type Volume } from '../volume/volume';
import { validBox, WHOLE, withCuts } from './cutting';
import { eyeFrom, EYE_VIEWS, fromScreen, lettersAround, rolled, toScreen } from './eye';
import { insideOf } from './inside';
import { placeUnder } from './picking';
import { quantile, regularGrid, valueAt, type RegularGrid } from './regular';
import { knotsOf, seen, STRAIGHT, TEMPLATES, templatesFor } from './templates';

const field = ([x, y, z]: Vector): number => 3 * x - 2 * y + 5 * z + 400;

function tilted(): { volume: Volume; pixels: FramePixels[] } {
  const column: Vector = [0, Math.cos(0.3), Math.sin(0.3)];
  const frames = Array.from({ length: 20 }, (_, index) => ({ index, rows: 24, columns: 30, samples: 1, spacing: [1, 1], spacing_kind: 'pixel', position: [-15, -10, index * 1.5], orientation: [1, 0, 0, ...column], frame_of_reference: '1.9', thickness: 1.5 })) as unknown as Frame[];
  const pixels = frames.map((frame): FramePixels => {
    const values = Float32Array.from({ length: 24 * 30 }, (_, i) => field(toWorld(frame, [i % 30, Math.floor(i / 30)])));
    return { values, min: Math.min(...values), max: Math.max(...values), padding: null };
  });
  return { volume: volumeOf(frames) as Volume, pixels };
}

const grid = (size: [number, number, number], value: (x: number, y: number, z: number) => number): RegularGrid => ({
  size, spacing: 2, corner: [10, 20, 30], blank: -1000, least: -1000, most: 1000,
  values: Float32Array.from({ length: size[0] * size[1] * size[2] }, (_, i) => value(i % size[0], Math.floor(i / size[0]) % size[1], Math.floor(i / size[0] / size[1]))),
});

describe('the regular grid', () => {
  it('has the values of the places, though the gantry was tilted', async () => {
    const { volume, pixels } = tilted();
    const made = (await regularGrid(volume, pixels, 40, () => false)) as RegularGrid;
    let held = 0;
    for (let z = 10; z < 22; z += 3) {
      for (const [x, y] of [[-8, 0], [5, 3], [0, 6]] as const) {
        const value = valueAt(made, [x, y, z]);
        if (value === null) continue;
        held += 1;
        expect(value).toBeCloseTo(field([x, y, z]), 1);
      }
    }
    expect(held).toBe(12);
    expect(await regularGrid(volume, pixels, 40, () => true).then((one) => one === null || one.size.length === 3)).toBe(true);
  });

  it('knows below which value a share lies', () => {
    const ramp = grid([100, 4, 4], (x) => -990 + 10 * x);
    expect(Math.abs(quantile(ramp, 0.5) + 495)).toBeLessThan(12);
  });
});

describe('where it is seen from', () => {
  it('has the letters of the side', () => {
    const letters = Object.fromEntries(EYE_VIEWS.map((view) => [view, Object.values(lettersAround(eyeFrom(view, [0, 0, 0], 1))).join('')]));
    expect(letters).toEqual({ A: 'RLHF', P: 'LRHF', L: 'APHF', R: 'PAHF', S: 'LRAP', I: 'RLAP' });
  });

  it('goes from the screen and back, turned or not; what is in front follows the hand', () => {
    const eye = rolled(eyeFrom('A', [4, 5, 6], 0.7), 40, -25);
    const place = fromScreen(eye, [12, -7]);
    expect(toScreen(eye, place)[0]).toBeCloseTo(12, 9);
    expect(toScreen(eye, place)[1]).toBeCloseTo(-7, 9);
    const before = eyeFrom('A', [0, 0, 0], 1);
    const nose: Vector = [0, -50, 0];
    expect(toScreen(rolled(before, 20, 0), nose)[0]).toBeGreaterThan(5);
    expect(toScreen(rolled(before, 0, 20), nose)[1]).toBeGreaterThan(5);
  });
});

describe('what is taken away', () => {
  const full = grid([20, 20, 20], () => 500);
  const eye = eyeFrom('A', [30, 40, 50], 1);

  it('a lasso takes what is inside its prism, or all but that', () => {
    // The left half of the screen, seen from the front: the patient's right.
    const outline = [[-100, -100], [0, -100], [0, 100], [-100, 100]] as const;
    for (const [take, kept] of [['inside', false], ['outside', true]] as const) {
      const values = withCuts(full, [{ eye, outline, take }]);
      for (let i = 0; i < values.length; i += 1) expect(values[i] === 500).toBe(i % 20 < 10 === kept);
    }
    expect(full.values.every((value) => value === 500)).toBe(true);
  });

  it('a box is never empty, and within the grid', () => {
    expect(validBox([[-1, 2], [0.9, 0.1], [NaN, 0.5]])).toEqual([[0, 1], [0.9, 0.92], [0, 0.5]]);
  });

  it('air around the body is not air within it', () => {
    const body = grid([24, 24, 3], (x, y) => {
      const away = Math.hypot(x - 11.5, y - 11.5);
      return away > 10 ? -1000 : away < 4 ? -850 : 40;
    });
    const { values, blank } = insideOf(body);
    expect(blank).toBe(50);
    expect(values[24 * 24 + 0]).toBe(50);
    expect(values[24 * 24 + 12 * 24 + 12]).toBe(-850);
    expect([...values].filter((value) => value < -400).length).toBe([...body.values].filter((value) => value === -850).length);
  });
});

describe('the place under a point', () => {
  it('is the first surface, to a quarter of a voxel; nothing where there is nothing, or where it was cropped', () => {
    const wall = grid([20, 20, 20], (_, y) => (y >= 9 && y <= 12 ? 1000 : -1000));
    const bone = knotsOf(TEMPLATES.find(({ id }) => id === 'bone') as (typeof TEMPLATES)[number], [0, 1], STRAIGHT);
    const front = placeUnder(wall, bone, WHOLE, eyeFrom('A', [30, 40, 50], 1), [3, 4]) as Vector;
    // Middle of the wall's first voxels at 20 + 9.5 · 2 = 39 mm; bone of half density begins up to one voxel before it.
    expect(front[1]).toBeGreaterThan(37.5);
    expect(front[1]).toBeLessThan(39.6);
    expect([front[0], front[2]]).toEqual([expect.closeTo(33, 9), expect.closeTo(46, 9)]);
    const behind = placeUnder(wall, bone, WHOLE, eyeFrom('P', [30, 40, 50], 1), [3, 4]) as Vector;
    expect(behind[1]).toBeGreaterThan(44.4);
    expect(behind[0]).toBeCloseTo(27, 9);
    expect(placeUnder(wall, bone, WHOLE, eyeFrom('A', [30, 40, 50], 1), [300, 4])).toBeNull();
    expect(placeUnder(wall, bone, [[0, 1], [0, 0.3], [0, 1]], eyeFrom('A', [30, 40, 50], 1), [3, 4])).toBeNull();
  });
});

describe('templates', () => {
  it('are named once, rise in value, and there are a dozen for CT', () => {
    expect(new Set(TEMPLATES.map(({ id }) => id)).size).toBe(TEMPLATES.length);
    expect(templatesFor('CT').length).toBeGreaterThanOrEqual(12);
    for (const { knots, of } of TEMPLATES) {
      knots.slice(1).forEach(([value], i) => expect(value).toBeGreaterThan(knots[i]?.[0] ?? 0));
      for (const [, opacity, colour] of knots) for (const part of [opacity, ...colour]) expect(part >= 0 && part <= 1).toBe(true);
      if (of === 'share') expect(knots.every(([value]) => value >= 0 && value <= 1.5)).toBe(true);
    }
    expect(templatesFor('MR').every(({ of }) => of === 'share')).toBe(true);
  });

  it('move with the values and widen', () => {
    const bone = TEMPLATES.find(({ id }) => id === 'bone') as (typeof TEMPLATES)[number];
    const plain = knotsOf(bone, [0, 1], STRAIGHT);
    const bent = knotsOf(bone, [0, 1], { shift: 0.5, stretch: 2 });
    expect(bent[0]?.[0]).toBeCloseTo(180 + 0.5 * 270);
    expect((bent[1]?.[0] ?? 0) - (bent[0]?.[0] ?? 0)).toBeCloseTo(2 * 80);
    expect(seen(plain, 100).opacity).toBe(0);
    expect(seen(plain, 220).opacity).toBeCloseTo(0.125);
    expect(seen(plain, 5000).opacity).toBeCloseTo(0.95);
  });
});
