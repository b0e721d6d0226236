import { describe, expect, it } from 'vitest';
import type { Frame, SeriesHeader } from './frame';
import { offPlane, planeOf } from './geometry';
import type { Vector } from './orientation';
import { curveOf, sourceOf, standingOf, type CurvedReconstruction, type PlaneReconstruction } from './reconstruction';
import type { ImageSource } from './source';
import { Cpr } from './volume/curved/cpr';
import { ATTITUDES, turnedAbout } from './volume/planes';
import type { Reformat } from './volume/reformat';

const frame = (index: number): Frame => ({
  index, sop_uid: `1.${index}`, frame: 0, number: index + 1, rows: 40, columns: 40, bits: 16, signed: true, samples: 1, photometric: 'MONOCHROME2', slope: 1, intercept: 0,
  rescale_type: null, windows: [], spacing: [0.8, 0.8], spacing_kind: 'pixel', position: [-16, -16, 2 * index], orientation: [1, 0, 0, 0, 1, 0], frame_of_reference: '1.9', slice_location: null,
  thickness: 2, patient_position: 'HFS', laterality: null, padding: null, frame_time: null, smallest: null, largest: null,
});
const header: SeriesHeader = { frames: Array.from({ length: 30 }, (_, index) => frame(index)), order: [15], warnings: [] };
const series = { key: { study: '1', series: '1.1' }, variant: '', header, phase: 'complete', problem: null, loaded: 30, total: 30, listen: () => () => undefined } as unknown as ImageSource;

/** As the records give it back. */
const stored = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
const through: Vector = [3.3, -4.7, 21.2];
const plane = (more: Partial<PlaneReconstruction>): PlaneReconstruction => ({ made: 'mpr', plane: 'coronal', ...ATTITUDES.coronal, through, slab: { mode: 'max', thickness: 9 }, ...more });

describe('a plane as it was kept', () => {
  it.each([0, 0.4, -1.1])('turned by %d is computed again through the same place, and shown first', (angle) => {
    const kept = stored(plane(turnedAbout(ATTITUDES.coronal, [0, 0, 1], angle)));
    const source = sourceOf(kept, series, null) as Reformat;
    const first = source.header?.frames[source.header.order[0] as number] as Frame;
    const { row, column } = planeOf(first);
    for (const axis of [0, 1, 2]) {
      expect(row[axis]).toBeCloseTo(kept.row[axis] as number, 9);
      expect(column[axis]).toBeCloseTo(kept.column[axis] as number, 9);
    }
    expect(offPlane(first, through)).toBeCloseTo(0, 6);
    expect([first.plane?.slab, first.thickness, first.plane?.turned]).toEqual(['max', 9, angle !== 0]);
  });
  it('of the received cuts is the nearest of them: they are not moved', () => {
    const source = sourceOf(plane({ plane: 'axial', ...ATTITUDES.axial }), series, null) as Reformat;
    const first = source.header?.frames[source.header.order[0] as number] as Frame;
    expect(first.position?.[2]).toBeCloseTo(22, 6);
  });
  it('that lies along the patient is none that was turned', () => expect(standingOf(plane({})).attitude).toBeUndefined());
});

it('a curve and its shape make the same CPR', () => {
  const kept: CurvedReconstruction = { made: 'cpr', points: [[0, 0, 4], [4, 2, 30], [0, 0, 50]], mode: 'stretched', width: 24, angle: 215, slab: { mode: 'mean', thickness: 3 } };
  expect(curveOf(stored(kept))).toEqual({ points: kept.points, mode: 'stretched', width: 24, slab: kept.slab });
  expect(sourceOf(stored(kept), series, null)).toBeInstanceOf(Cpr);
});
