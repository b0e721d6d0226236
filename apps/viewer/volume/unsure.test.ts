import { describe, expect, it } from 'vitest';
import type { Frame } from '../frame';
import { readMask, Removal } from './mask';
import { Unsure, UNSURE } from './unsure';

const SIDE = 3;
const frame = (index: number, rows = SIDE): Frame => ({ index, sop_uid: `1.${index}`, frame: 0, rows, columns: SIDE }) as unknown as Frame;

/** A mask of two images; `doubt`: voxels, counted through both, that are not sure. */
function packed(doubt: readonly number[], unsure = doubt.length): ArrayBuffer {
  const told = { kind: 'bone', rows: SIDE, columns: SIDE, unsure, frames: [0, 1].map((index) => ({ sop_uid: `1.${index}`, frame: 0 })) };
  const head = new TextEncoder().encode(JSON.stringify(told));
  const size = Math.ceil((2 * SIDE * SIDE) / 8);
  const bytes = new Uint8Array(4 + head.length + 2 * size);
  new DataView(bytes.buffer).setUint32(0, head.length, true);
  bytes.set(head, 4);
  for (const bit of doubt) bytes[4 + head.length + size + (bit >> 3)] = (bytes[4 + head.length + size + (bit >> 3)] as number) | (1 << (bit & 7));
  return bytes.buffer;
}

describe('where a mask is not sure', () => {
  it('is read for each image by itself', () => {
    const removal = new Removal([readMask(packed([1, 9, 17]))]);
    expect(removal.unsure).toBe(true);
    expect([...(removal.unsureIn(frame(0), UNSURE) as Uint8Array)]).toEqual([0, UNSURE, 0, 0, 0, 0, 0, 0, 0]);
    expect([...(removal.unsureIn(frame(1), UNSURE) as Uint8Array)]).toEqual([UNSURE, 0, 0, 0, 0, 0, 0, 0, UNSURE]);
    expect(removal.unsureIn(frame(2), UNSURE)).toBeNull();
    expect(removal.unsureIn(frame(0, SIDE + 1), UNSURE)).toBeNull();
    const sure = new Removal([readMask(packed([]))]);
    expect(sure.unsure).toBe(false);
    expect(sure.unsureIn(frame(0), UNSURE)).toBeNull();
  });

  it('is drawn from half a voxel on, outside of the volume nothing', () => {
    const values = new Int16Array([-32768, 49, 50, 100, 0, 0, 100, 0, 100]);
    const shown = new Unsure((index) => (index === 4 ? { values, min: 0, max: 100, padding: -32768 } : null));
    expect(shown.on(frame(4))[0]).toMatchObject({ kind: 'mask', runs: [2, 2, 6, 1, 8, 1], pixels: 4, rows: SIDE, columns: SIDE, origin: [0, 0] });
    expect(shown.on(frame(5))).toEqual([]);
    expect(new Unsure(() => ({ values: new Int16Array(9), min: 0, max: 0, padding: null })).on(frame(0))).toEqual([]);
  });
});
