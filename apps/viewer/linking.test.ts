import { describe, expect, it } from 'vitest';
import type { Cell } from './cell';
import type { View } from './camera';
import type { Frame } from './frame';
import { Linking, sameLie } from './linking';
import type { Turn } from './turned';

const frame = (more: Partial<Frame> = {}): Frame => ({ index: 0, sop_uid: '1.1', frame: 0, rows: 9, columns: 9, spacing: [1, 1], position: [0, 0, 0], orientation: [1, 0, 0, 0, 1, 0], frame_of_reference: '1.9', ...more }) as Frame;

/** As much of a cell as linking touches. */
class Seen {
  readonly index = 0;
  readonly count = 1;
  readonly info = {};
  readonly series = {};
  readonly framing = this;
  now: View = { zoom: 1, pan: [0, 0], rotation: 0, mirrored: false };
  steps: [number, readonly [number, number]][] = [];

  constructor(readonly shown: Frame) {}
  view(): View {
    return this.now;
  }
  currentFrame(): Frame {
    return this.shown;
  }
  frameAt(): Frame {
    return this.shown;
  }
  moveBy(factor: number, pan: readonly [number, number]): void {
    this.steps.push([factor, pan]);
  }
  turnLike(turn: Turn): void {
    this.now = { ...this.now, ...turn };
  }
}

const linked = (...cells: Seen[]): Linking => {
  const linking = new Linking({ cells: () => cells as unknown as Cell[], active: () => 0 });
  linking.set(true);
  return linking;
};
const turn = (linking: Linking, cell: Seen, now: Partial<View>): void => {
  cell.now = { ...cell.now, ...now };
  linking.turned(cell as unknown as Cell);
};

describe('a linked view that is turned', () => {
  it('turns those of the same lie of the patient, and no prior', () => {
    const [leader, beside, prior] = [new Seen(frame()), new Seen(frame({ sop_uid: '1.2', position: [0, 0, 5] })), new Seen(frame({ sop_uid: '2.1', frame_of_reference: '2.9' }))] as const;
    const linking = linked(leader, beside, prior);
    turn(linking, leader, { rotation: 12.5 });
    turn(linking, leader, { rotation: 12.5, mirrored: true });
    expect([beside.now.rotation, beside.now.mirrored]).toEqual([12.5, true]);
    expect([prior.now.rotation, prior.now.mirrored]).toEqual([0, false]);
  });
  it('leaves alone one that was turned otherwise on purpose', () => {
    const [leader, other] = [new Seen(frame()), new Seen(frame({ position: [0, 0, 5], sop_uid: '1.2' }))];
    other.now = { ...other.now, rotation: 90 };
    turn(linked(leader, other), leader, { rotation: 180 });
    expect(other.now.rotation).toBe(90);
  });
  it('does not push the others by its pan, which goes round with it, and goes on pushing them by its steps', () => {
    const [leader, prior] = [new Seen(frame()), new Seen(frame({ sop_uid: '2.1', frame_of_reference: '2.9' }))];
    leader.now = { ...leader.now, pan: [40, 0] };
    const linking = linked(leader, prior);
    turn(linking, leader, { rotation: 90, pan: [0, 40] });
    expect(prior.steps).toEqual([]);
    leader.now = { ...leader.now, pan: [0, 55] };
    linking.moved(leader as unknown as Cell);
    expect(prior.steps).toEqual([[1, [0, 15]]]);
  });
  it('takes the others along when it is reset: fitted, then upright', () => {
    const [leader, beside] = [new Seen(frame()), new Seen(frame({ sop_uid: '1.2', position: [0, 0, 5] }))];
    const linking = linked(leader, beside);
    turn(linking, leader, { rotation: 30, zoom: 2 });
    linking.moved(leader as unknown as Cell);
    leader.now = { zoom: 1, pan: [0, 0], rotation: 0, mirrored: false };
    linking.moved(leader as unknown as Cell);
    linking.turned(leader as unknown as Cell);
    expect(beside.now.rotation).toBe(0);
  });
  it('says nothing while the views are not linked', () => {
    const [leader, beside] = [new Seen(frame()), new Seen(frame())];
    const linking = linked(leader, beside);
    linking.set(false);
    turn(linking, leader, { rotation: 30 });
    expect(beside.now.rotation).toBe(0);
  });
});

describe('the same lie of the patient', () => {
  it('is that of the same image, or of others of its space along it', () => {
    const nowhere = { position: null, orientation: null, frame_of_reference: null };
    expect(sameLie(frame(nowhere), frame(nowhere))).toBe(true);
    expect(sameLie(frame(nowhere), frame({ ...nowhere, sop_uid: '1.2' }))).toBe(false);
    expect(sameLie(frame(), frame({ sop_uid: '', position: [0, 0, 9] }))).toBe(true);
    expect(sameLie(frame(), frame({ sop_uid: '1.2', orientation: [1, 0, 0, 0, 0, -1] }))).toBe(false);
    expect(sameLie(frame(), null)).toBe(false);
  });
});
