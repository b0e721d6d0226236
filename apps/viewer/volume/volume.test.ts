import { describe, expect, it } from 'vitest';
import type { Frame } from '../frame';
import { dot, toWorld } from '../geometry';
import { cross, type Vector } from '../orientation';
import type { FramePixels } from '../pixels';
import { crossing } from '../references';
import { ATTITUDES, nearest, originOf, planesOf, turnedAbout, type PlaneName } from './planes';
import { blankOf, resample } from './resample';
import { middleOf, volumeOf, type Volume } from './volume';

/** A quantity of space that is linear in it: every true interpolation gives it back exactly, wherever the cuts lie. */
const field = ([x, y, z]: Vector): number => 3 * x - 2 * y + 5 * z + 40;

interface Made {
  count?: number;
  place?: (k: number) => Vector;
  row?: Vector;
  column?: Vector;
  size?: [number, number];
  spacing?: [number, number];
}

function frameAt(index: number, position: Vector, row: Vector, column: Vector, [columns, rows]: [number, number], spacing: [number, number]): Frame {
  return {
    index, sop_uid: `1.${index}`, frame: 0, number: index + 1, rows, columns, bits: 16, signed: true, samples: 1, photometric: 'MONOCHROME2', slope: 1, intercept: 0,
    rescale_type: null, windows: [], spacing, spacing_kind: 'pixel', position: [...position], orientation: [...row, ...column], frame_of_reference: '1.9', slice_location: null,
    thickness: 1, patient_position: 'HFS', laterality: null, padding: null, frame_time: null, smallest: null, largest: null,
  };
}

function make({ count = 20, place = (k) => [-10, -12, k * 2], row = [1, 0, 0], column = [0, 1, 0], size = [32, 28], spacing = [0.75, 0.75] }: Made = {}): { frames: Frame[]; pixels: FramePixels[] } {
  const frames = Array.from({ length: count }, (_, k) => frameAt(k, place(k), row, column, size, spacing));
  const pixels = frames.map((frame): FramePixels => {
    const values = new Float32Array(frame.rows * frame.columns);
    for (let y = 0; y < frame.rows; y += 1) for (let x = 0; x < frame.columns; x += 1) values[y * frame.columns + x] = field(toWorld(frame, [x, y]));
    return { values, min: Math.min(...values), max: Math.max(...values), padding: null };
  });
  return { frames, pixels };
}

function volume(frames: Frame[]): Volume {
  const made = volumeOf(frames);
  if (typeof made === 'string') throw new Error(made);
  return made;
}

/** Largest error of all planes of one attitude against the field, and the share of pixels that have a value. */
function errorOf(made: { frames: Frame[]; pixels: FramePixels[] }, name: PlaneName, attitude = ATTITUDES[name]): { error: number; share: number } {
  const body = volume(made.frames);
  const planes = planesOf(body, name, attitude);
  const pixels = body.cuts.map((cut) => made.pixels[cut.index] as FramePixels);
  let [error, seen, all] = [0, 0, 0];
  for (let position = 0; position < planes.depths.length; position += 1) {
    const { row, column, spacing, columns, rows } = planes;
    const origin = originOf(planes, position);
    const { values, padding } = resample(body, pixels, { origin, row, column, spacing, columns, rows });
    const at = (x: number, y: number): Vector => [0, 1, 2].map((axis) => (origin[axis] as number) + ((row[axis] as number) * x + (column[axis] as number) * y) * spacing) as unknown as Vector;
    for (let y = 0; y < rows; y += 1) {
      for (let x = 0; x < columns; x += 1) {
        const value = values[y * columns + x] as number;
        all += 1;
        if (value === padding) continue;
        // The outermost half pixel repeats the edge: nothing was measured beyond it.
        const place = at(x, y);
        const near = made.frames.filter((frame) => Math.abs(dot(minus(place, frame.position as unknown as Vector), body.normal)) < 2.7);
        const inside = near.length > 1 && near.every((frame) => {
          const [a, b] = [dot(minus(place, frame.position as unknown as Vector), body.row) / body.spacing[0], dot(minus(place, frame.position as unknown as Vector), body.column) / body.spacing[1]];
          return a >= 1 && b >= 1 && a <= frame.columns - 2 && b <= frame.rows - 2;
        });
        const depth = dot(place, body.normal);
        if (!inside || depth < (body.cuts[0]?.depth ?? 0) || depth > (body.cuts.at(-1)?.depth ?? 0)) continue;
        seen += 1;
        error = Math.max(error, Math.abs(value - field(place)));
      }
    }
  }
  return { error, share: seen / all };
}

const minus = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const rotated = (degrees: number): Vector => [0, Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];

const GEOMETRIES: Record<string, Made> = {
  regular: {},
  'numbered from the head down': { place: (k) => [-10, -12, 40 - k * 2] },
  // Gantry tilt: the table moves along z while the cuts lean by 20°, so that they are sheared against each other.
  'tilted gantry': { column: rotated(20), place: (k) => [-10, -12, k * 2] },
  'uneven distances': { place: (k) => [-10, -12, k * 2 + (k % 3) * 0.4] },
  'fine then coarse': { place: (k) => [-10, -12, k < 10 ? k : 10 + (k - 10) * 1.9] },
  'coronal cuts': { row: [1, 0, 0], column: [0, 0, -1], place: (k) => [-10, k * 2, 12] },
  'oblique sagittal cuts': { row: [0.2, Math.sqrt(1 - 0.04), 0], column: [0, 0, -1], place: (k) => [k * 2 * Math.sqrt(1 - 0.04), -k * 2 * 0.2, 12] },
  'feet first': { row: [-1, 0, 0], column: [0, 1, 0], place: (k) => [12, -12, k * 2] },
  'oblong pixels': { spacing: [1.5, 0.75] },
};

describe('planes through a volume', () => {
  for (const [name, made] of Object.entries(GEOMETRIES)) {
    for (const plane of ['axial', 'coronal', 'sagittal'] as const) {
      it(`${plane} of ${name} shows what is there`, () => {
        const { error, share } = errorOf(make(made), plane);
        expect(error).toBeLessThan(0.01);
        expect(share).toBeGreaterThan(0.35);
      });
    }
    it(`a plane turned by 30° and 20° in ${name} shows what is there`, () => {
      const once = turnedAbout(ATTITUDES.coronal, [0, 0, 1], 0.52);
      const { error } = errorOf(make(made), 'coronal', turnedAbout(once, once.row, 0.35));
      expect(error).toBeLessThan(0.01);
    });
  }

  it('axial planes of axial cuts are the cuts, pixel for pixel', () => {
    const made = make();
    const body = volume(made.frames);
    const planes = planesOf(body, 'axial');
    expect([planes.columns, planes.rows, planes.depths.length]).toEqual([32, 28, 20]);
    const picture = resample(body, made.pixels, { ...planes, origin: originOf(planes, 0) });
    const top = made.pixels.at(-1) as FramePixels; // head first
    for (const [at, value] of picture.values.entries()) expect(Math.abs(value - (top.values[at] as number))).toBeLessThan(1e-3);
  });

  it('a gap of several cuts stays empty, and says nothing about the tissue in it', () => {
    const made = make({ place: (k) => [-10, -12, k < 10 ? k * 2 : k * 2 + 25] });
    const body = volume(made.frames);
    const planes = planesOf(body, 'coronal');
    const picture = resample(body, made.pixels, { ...planes, origin: originOf(planes, planes.depths.length >> 1) });
    const empty = Array.from({ length: planes.rows }, (_, y) => picture.values[y * planes.columns + 16] === picture.padding);
    // 27 mm between the cuts less half a step on either side, in pixels of 0.75 mm
    expect(Math.abs(empty.filter(Boolean).length - 25 / 0.75)).toBeLessThanOrEqual(1);
  });

  it('slabs: the mean of a linear field is its middle, maximum and minimum its ends', () => {
    const made = make();
    const body = volume(made.frames);
    const planes = planesOf(body, 'coronal', ATTITUDES.coronal, middleOf(body));
    const position = nearest(planes, middleOf(body));
    const picture = { ...planes, origin: originOf(planes, position) };
    const plain = resample(body, made.pixels, picture).values;
    const middle = (planes.rows >> 1) * planes.columns + (planes.columns >> 1);
    const slope = 2; // of the field along the back-front axis
    for (const [mode, offset] of [['mean', 0], ['max', slope * 3], ['min', -slope * 3]] as const) {
      const value = resample(body, made.pixels, picture, { mode, thickness: 6 }).values[middle] as number;
      expect(value - (plain[middle] as number)).toBeCloseTo(offset, 2);
    }
  });

  it('padding is no tissue: it is neither blended nor counted', () => {
    const made = make({ size: [8, 8] });
    for (const one of made.pixels) {
      one.padding = -2000;
      for (let y = 0; y < 8; y += 1) one.values[y * 8] = -2000;
    }
    const body = volume(made.frames);
    const planes = planesOf(body, 'sagittal');
    for (let position = 0; position < planes.depths.length; position += 1) {
      const { values, padding } = resample(body, made.pixels, { ...planes, origin: originOf(planes, position) });
      for (const value of values) expect(value === padding || value > -150).toBe(true);
    }
  });

  it('whole numbers stay whole, and the blank is none of them', () => {
    const made = make();
    const whole = made.pixels.map((one): FramePixels => ({ ...one, values: Int16Array.from(one.values), min: Math.trunc(one.min), max: Math.trunc(one.max) }));
    const body = volume(made.frames);
    const planes = planesOf(body, 'coronal');
    const { values, padding } = resample(body, whole, { ...planes, origin: originOf(planes, 10) });
    expect(values).toBeInstanceOf(Int16Array);
    expect(padding).toBe(blankOf(whole));
    expect(padding).toBeLessThan(Math.min(...whole.map((one) => one.min)));
  });
});

describe('what is no volume', () => {
  const odd = (change: Partial<Frame>): Frame[] => make().frames.map((frame, k) => (k === 7 ? { ...frame, ...change } : frame));
  const cases: [string, Frame[]][] = [
    ['notSpatial', odd({ position: null })],
    ['notSpatial', odd({ orientation: null })],
    ['noMillimetres', odd({ spacing: null })],
    ['noMillimetres', odd({ spacing_kind: 'imager' })],
    ['notGrey', odd({ samples: 3 })],
    ['mixedSizes', odd({ rows: 27 })],
    ['mixedSizes', odd({ spacing: [0.8, 0.8] })],
    ['notParallel', odd({ orientation: [1, 0, 0, 0, 0, -1] })],
    ['notParallel', odd({ orientation: [1, 0, 0, ...rotated(1)] })],
    ['samePlace', odd({ position: make().frames[6]?.position ?? null })],
    ['fewImages', make({ count: 2 }).frames],
    ['fewImages', []],
  ];
  for (const [reason, frames] of cases) it(`${reason} is refused`, () => expect(volumeOf(frames)).toBe(reason));
});

describe('the line of one plane on another', () => {
  const axial = frameAt(0, [-50, -40, 7], [1, 0, 0], [0, 1, 0], [101, 81], [1, 1]);

  it('a coronal plane crosses an axial image in one row', () => {
    const coronal = frameAt(0, [-50, -5, 60], [1, 0, 0], [0, 0, -1], [101, 101], [1, 1]);
    const line = crossing(axial, coronal);
    for (const end of line ?? []) expect(end[1]).toBeCloseTo(35);
    expect((line ?? []).map(([x]) => x).sort((a, b) => a - b)).toEqual([expect.closeTo(-0.5), expect.closeTo(100.5)]);
  });

  it('every place of it lies in both planes', () => {
    const row: Vector = [0.6, 0.8, 0];
    const oblique = frameAt(0, [-20, -30, 40], row, [0, 0, -1], [60, 60], [1.3, 0.9]);
    const line = crossing(axial, oblique);
    expect(line).not.toBeNull();
    for (const end of line ?? []) expect(dot(minus(toWorld(axial, end), [-20, -30, 40]), cross(row, [0, 0, -1]))).toBeCloseTo(0, 6);
  });

  it('it ends where the other picture ends', () => {
    const small = frameAt(0, [-10, 0, 20], [1, 0, 0], [0, 0, -1], [11, 40], [1, 1]);
    expect((crossing(axial, small) ?? []).map(([x]) => x).sort((a, b) => a - b)).toEqual([expect.closeTo(39.5), expect.closeTo(50.5)]);
  });

  it('none between parallel planes, other spaces, or planes that miss each other', () => {
    const coronal = frameAt(0, [-50, -5, 60], [1, 0, 0], [0, 0, -1], [101, 101], [1, 1]);
    expect(crossing(axial, { ...axial, position: [-50, -40, 9] })).toBeNull();
    expect(crossing(axial, { ...coronal, frame_of_reference: '1.8' })).toBeNull();
    expect(crossing(axial, { ...coronal, frame_of_reference: null })).toBeNull();
    expect(crossing(axial, { ...coronal, position: [-50, 300, 60] })).toBeNull();
  });
});
