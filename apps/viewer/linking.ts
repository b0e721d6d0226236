/**
 * Views that go together (V-25): scrolling by place in the patient, or, between studies, by the distance they had when they were
 * linked; zoom and pan by the same steps; windows among images of the same kind. The active view leads.
 */
import type { Cell } from './cell';
import { closest } from './closest';
import type { View } from './camera';
import { dot, planeOf, spaceOf } from './geometry';
import type { Vector } from './orientation';

export interface Views {
  cells(): readonly Cell[];
  active(): number;
}

/** Where a view stood when it was linked. */
interface Start {
  normal: Vector;
  /** Along its own normal, mm; null where its images have no place. */
  depth: number | null;
  index: number;
}

/** Planes that differ less (about 18°) scroll together. */
const ALONG = 0.95;

export class Linking {
  on = false;
  private readonly starts = new Map<Cell, Start>();
  private view: { of: Cell; view: View } | null = null;

  constructor(private readonly views: Views) {}

  set(on: boolean): void {
    this.on = on;
    this.starts.clear();
    this.lead();
    if (!on) return;
    for (const cell of this.views.cells()) this.entered(cell);
    const leader = this.leader();
    if (leader) this.scrolled(leader);
  }

  /** Another view leads from here on. */
  lead(): void {
    const leader = this.leader();
    this.view = leader && leader.index >= 0 ? { of: leader, view: leader.view() } : null;
  }

  /** Another series is in a cell: it is linked from where it stands. */
  entered(cell: Cell): void {
    if (!this.on) return;
    if (cell === this.leader()) this.lead();
    const start = startOf(cell);
    if (start) this.starts.set(cell, start);
    else this.starts.delete(cell);
  }

  /** The leading view shows another image. */
  scrolled(cell: Cell): void {
    if (!this.on || cell !== this.leader()) return;
    for (const other of this.others()) {
      const position = this.follow(cell, other);
      if (position !== null && position !== other.index) other.scrollTo(position);
    }
  }

  /** The leading view was zoomed or moved. */
  moved(cell: Cell): void {
    if (!this.on || cell !== this.leader()) return;
    const now = cell.view();
    const before = this.view?.of === cell ? this.view.view : now;
    this.view = { of: cell, view: now };
    const factor = now.zoom / before.zoom;
    const pan: [number, number] = [now.pan[0] - before.pan[0] * factor, now.pan[1] - before.pan[1] * factor];
    if (Math.abs(factor - 1) < 1e-6 && Math.hypot(...pan) < 1e-3) return;
    for (const other of this.others()) other.moveBy(factor, pan);
  }

  /** The leading view's window or VOI LUT, and gamma: for images of the same modality, because their values mean the same. */
  windowed(cell: Cell): void {
    if (cell !== this.leader()) return;
    for (const other of this.others()) {
      const same = other.series?.base === cell.series?.base ? other.series?.variant !== '' || cell.series?.variant !== '' : this.on && (other.info.modality ?? '') === (cell.info.modality ?? '');
      if (same) other.takeGrey(cell.grey);
    }
  }

  private leader(): Cell | undefined {
    return this.views.cells()[this.views.active()];
  }

  private others(): Cell[] {
    const leader = this.leader();
    return this.views.cells().filter((cell) => cell !== leader && cell.series !== null && cell.index >= 0);
  }

  /** The image of `other` that belongs to the one `cell` shows. */
  private follow(cell: Cell, other: Cell): number | null {
    const [here, there] = [cell.currentFrame(), other.currentFrame()];
    const [start, otherStart] = [this.starts.get(cell), this.starts.get(other)];
    if (!here || !there || here.plane || there.plane) return null;
    const space = spaceOf(here);
    const [a, b] = [planeOf(here), planeOf(there)];
    const facing = dot(a.normal, b.normal);
    if (space !== null && space === spaceOf(there)) return Math.abs(facing) < ALONG ? null : nearest(other, b.normal, dot(a.origin, b.normal));
    if (!start || !otherStart) return null;
    if (start.depth !== null && otherStart.depth !== null && Math.abs(facing) >= ALONG) {
      const gone = (dot(a.origin, start.normal) - start.depth) * Math.sign(facing);
      return nearest(other, otherStart.normal, otherStart.depth + gone);
    }
    return otherStart.index + cell.index - start.index;
  }
}

function startOf(cell: Cell): Start | null {
  const frame = cell.currentFrame();
  if (!frame) return null;
  const { normal, origin } = planeOf(frame);
  return { normal, index: cell.index, depth: frame.position?.length === 3 && frame.orientation?.length === 6 ? dot(origin, normal) : null };
}

function nearest(cell: Cell, normal: Vector, depth: number): number {
  const position = closest(cell.count, (one) => {
    const frame = cell.frameAt(one);
    return frame && Math.abs(dot(planeOf(frame).origin, normal) - depth);
  });
  return position < 0 ? cell.index : position;
}
