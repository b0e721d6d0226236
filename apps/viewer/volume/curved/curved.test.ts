import { describe, expect, it } from 'vitest';
import type { Frame, SeriesHeader } from '../../frame';
import { dot, toWorld } from '../../geometry';
import { cross, type Vector } from '../../orientation';
import type { FramePixels } from '../../pixels';
import type { ImageSource } from '../../source';
import { centrelineThrough, footOn, less, unit, type Centreline } from './centreline';
import { Cpr } from './cpr';
import { straightened, stretched } from './unrolled';

const [RADIUS, RISE, TUBE] = [13, 8, 3.5]; // of the helix, mm for each radian of it, of the vessel around it
const TURNS = 3.6; // radians
const helix = (a: number): Vector => [RADIUS * Math.cos(a) - 4, RADIUS * Math.sin(a) + 20, 30 - RISE * a];
const ARC = Math.hypot(RADIUS, RISE);
const clicks = Array.from({ length: 10 }, (_, i) => helix((i * TURNS) / 9));
/** Ball of 1.2 mm on the centre line, 25 mm from its start. */
const BEAD = 25;

const course = Array.from({ length: 420 }, (_, i) => helix(((i - 60) / 300) * TURNS));
const vessel = (place: Vector): number => {
  // The helix lies on its cylinder: what is further from that is further from it.
  if (Math.abs(Math.hypot(place[0] + 4, place[1] - 20) - RADIUS) > TUBE + 2) return 0;
  let least = Infinity;
  for (const [x, y, z] of course) least = Math.min(least, (x - place[0]) ** 2 + (y - place[1]) ** 2 + (z - place[2]) ** 2);
  const away = Math.sqrt(least);
  const bead = Math.hypot(...less(helix(BEAD / ARC), place));
  // Half of the height at the wall, over 1 mm.
  return Math.round(1000 * Math.min(1, Math.max(0, TUBE + 0.5 - away)) + 1500 * Math.min(1, Math.max(0, 1.7 - bead)));
};
const field = ([x, y, z]: Vector): number => 3 * x - 2 * y + 5 * z + 400;

/** Axial cuts around the helix, the gantry tilted by some degrees, filled with a quantity of space. */
function series(value: (place: Vector) => number, tilt = 0): ImageSource {
  const column: Vector = [0, Math.cos((tilt * Math.PI) / 180), Math.sin((tilt * Math.PI) / 180)];
  const frames = Array.from({ length: 42 }, (_, index) => ({
    index, sop_uid: `1.${index}`, frame: 0, number: index + 1, rows: 48, columns: 48, bits: 16, signed: true, samples: 1, photometric: 'MONOCHROME2', slope: 1, intercept: 0, rescale_type: null,
    windows: [], spacing: [0.9, 0.9], spacing_kind: 'pixel', position: [-24, 0, -4 + index - (tilt === 0 ? 0 : 20 * column[2])], orientation: [1, 0, 0, ...column], frame_of_reference: '1.9', slice_location: null,
    thickness: 1, patient_position: 'HFS', laterality: null, padding: null, frame_time: null, smallest: null, largest: null,
  })) as unknown as Frame[];
  const pixels = frames.map((frame): FramePixels => {
    const values = new Int16Array(48 * 48);
    for (let y = 0; y < 48; y += 1) for (let x = 0; x < 48; x += 1) values[y * 48 + x] = Math.round(value(toWorld(frame, [x, y])));
    return { values, min: Math.min(...values), max: Math.max(...values), padding: null };
  });
  const header: SeriesHeader = { frames, order: [0], warnings: [] };
  return {
    key: { study: 's', series: 'x' }, variant: '', header, phase: 'complete', problem: null, loaded: 42, total: 42, listen: () => () => undefined,
    frame: (index: number) => frames[index], pixels: (index: number) => pixels[index], broken: () => false,
  } as unknown as ImageSource;
}

const curve = (points: readonly Vector[] = clicks, fine = 0.5): Centreline => centrelineThrough(points, fine) as Centreline;

describe('a curve through clicks', () => {
  it('is as long as the helix it was clicked on, and passes through every click', () => {
    const made = curve();
    expect(Math.abs(made.length - ARC * TURNS)).toBeLessThan(0.1);
    expect(made.step * (made.places.length - 1)).toBeCloseTo(made.length, 9);
    for (const click of clicks) expect(Math.hypot(...footOn(made, click).offset)).toBeLessThan(0.01);
    for (const place of made.places) expect(Math.min(...course.map((one) => Math.hypot(...less(one, place))))).toBeLessThan(0.1);
  });

  it('is straight between two clicks, and none through one', () => {
    expect(curve([[0, 0, 0], [3, 4, 12]]).length).toBeCloseTo(13, 9);
    expect(centrelineThrough([[1, 2, 3], [1, 2, 3.05]], 0.5)).toBeNull();
  });

  it('carries frames that stand on it and do not turn about it', () => {
    const { tangents, normals } = curve();
    normals.forEach((normal, i) => {
      expect(Math.abs(dot(normal, tangents[i] as Vector))).toBeLessThan(1e-9);
      expect(Math.hypot(...normal)).toBeCloseTo(1, 9);
    });
    // Bishop's frame against Frenet's on a helix: it turns back by the torsion, h / (r² + h²) for each mm.
    const frenet = (a: number): Vector => [-Math.cos(a), -Math.sin(a), 0];
    const angle = (i: number, a: number): number => Math.atan2(dot(cross(frenet(a), normals[i] as Vector), tangents[i] as Vector), dot(frenet(a), normals[i] as Vector));
    const ends = angle(normals.length - 1, TURNS) - angle(0, 0);
    const torsion = -RISE / (RADIUS ** 2 + RISE ** 2); // left-handed: it goes down
    const expected = -torsion * ARC * TURNS;
    expect(Math.abs(((ends - expected + 3 * Math.PI) % (2 * Math.PI)) - Math.PI)).toBeLessThan(0.02);
  });
});

describe('CPR', () => {
  for (const tilt of [0, 15]) {
    it(`straightened: a bent vessel is a straight one of its own width${tilt ? ', with a tilted gantry' : ''}`, () => {
      const source = new Cpr(series(vessel, tilt), { points: clicks, mode: 'straightened', width: 20 });
      for (const angle of [0, 77, 190]) {
        const { rows, columns, spacing } = source.frame(angle);
        const step = spacing?.[0] ?? 0;
        expect(Math.abs((rows - 1) * step - ARC * TURNS)).toBeLessThan(0.1);
        const { values, padding } = source.pixels(angle) as FramePixels;
        const bright: number[] = [];
        for (let y = Math.ceil(4 / step); y < rows - 4 / step; y += 1) {
          const row = [...values.subarray(y * columns, (y + 1) * columns)];
          bright.push(row[columns >> 1] as number);
          if (Math.abs(y * step - BEAD) < 3 || row.includes(padding as number)) continue;
          const edge = (from: number, to: number): number => from + ((row[from] as number) - 500) / ((row[from] as number) - (row[to] as number)) * (to - from);
          const left = row.findIndex((value) => value >= 500);
          const right = row.findLastIndex((value) => value >= 500);
          const [a, b] = [edge(left, left - 1), edge(right, right + 1)];
          expect(Math.abs((b - a) * step - 2 * TUBE)).toBeLessThan(0.35);
          expect(Math.abs((a + b) / 2 - (columns >> 1)) * step).toBeLessThan(0.2);
        }
        const most = bright.indexOf(Math.max(...bright)) + Math.ceil(4 / step);
        expect(Math.abs(most * step - BEAD)).toBeLessThan(1);
      }
    });

    it(`every value is that of its place${tilt ? ', with a tilted gantry' : ''}`, () => {
      for (const mode of ['straightened', 'stretched'] as const) {
        const source = new Cpr(series(field, tilt), { points: clicks.map(([x, y, z]) => [x * 0.7, 20 + (y - 20) * 0.7, 16 + (z - 16) * 0.6]), mode, width: 12 });
        for (const angle of [0, 130]) {
          const surface = source.surface(angle);
          const { rows, columns } = source.frame(angle);
          const { values, padding } = source.pixels(angle) as FramePixels;
          let seen = 0;
          for (let y = 1; y < rows; y += 7) {
            for (let x = 0; x < columns; x += 3) {
              const place = surface?.toPatient([x, y]);
              const value = values[y * columns + x] as number;
              if (!place || value === padding || Math.hypot(place[0], place[1] - 20) > 17) continue;
              seen += 1;
              expect(Math.abs(value - field(place))).toBeLessThan(1.1); // whole numbers in, whole numbers out
              const back = surface?.toPicture(place);
              expect(Math.abs(back?.off ?? 9)).toBeLessThan(0.02);
              // Beyond the centre of a bend another part of the curve is nearer: there the same place is in the picture twice.
              if (mode === 'straightened' && Math.abs(x - (columns >> 1)) * (source.curve?.step ?? 1) < 5) for (const axis of [0, 1] as const) expect(Math.abs((back?.pixel[axis] ?? 99) - ([x, y][axis] as number))).toBeLessThan(0.1);
            }
          }
          expect(seen).toBeGreaterThan(25);
        }
      }
    });
  }

  it('left of the patient is on the right at 0°, the front at 90°, on a vessel that goes down', () => {
    const down = curve([[5, 20, 30], [5, 20, 0]]);
    for (const lay of [straightened, stretched]) {
      for (const [angle, direction] of [[0, [1, 0, 0]], [90, [0, -1, 0]], [180, [-1, 0, 0]], [270, [0, 1, 0]]] as const) {
        const surface = lay(down, 20, angle);
        const middle = surface.columns >> 1;
        const place = surface.toPatient([middle + 4, 10]) as Vector;
        const away = less(place, surface.toPatient([middle, 10]) as Vector);
        for (const axis of [0, 1, 2] as const) expect(away[axis]).toBeCloseTo(4 * surface.spacing * direction[axis], 6);
        expect(place[2]).toBeCloseTo(30 - 10 * surface.spacing, 6);
        expect(dot(surface.direction as Vector, direction as unknown as Vector)).toBeCloseTo(1, 6);
      }
    }
  });

  it('stretched keeps the length of the curve, at every angle', () => {
    const made = curve();
    for (const angle of [0, 60, 145]) {
      const surface = stretched(made, 20, angle);
      const drawn = made.places.map((place) => surface.toPicture(place) as { pixel: [number, number]; off: number });
      const length = drawn.slice(1).reduce((sum, { pixel }, i) => sum + Math.hypot(pixel[0] - (drawn[i]?.pixel[0] ?? 0), pixel[1] - (drawn[i]?.pixel[1] ?? 0)), 0);
      expect(Math.abs(length * surface.spacing - ARC * TURNS)).toBeLessThan(0.3);
      for (const { off } of drawn) expect(Math.abs(off)).toBeLessThan(1e-6);
    }
  });

  it('letters only where one direction holds along the whole picture', () => {
    const made = curve();
    expect(stretched(made, 20, 0).direction).not.toBeNull();
    expect(straightened(curve([[0, 0, 40], [2, 1, 20], [0, 0, 0]]), 20, 0).direction).not.toBeNull();
    const spread = Math.min(...made.normals.map((one) => dot(one, made.normals[made.normals.length >> 1] as Vector)));
    expect(spread).toBeLessThan(Math.cos(Math.PI / 6));
    expect(straightened(made, 20, 0).direction).toBeNull();
    expect(unit([0, 0, 2])).toEqual([0, 0, 1]);
  });
});
