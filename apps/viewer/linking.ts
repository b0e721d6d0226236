/**
 * Views that go together (V-25): scrolling by place in the patient, or, between studies, by the distance they had when they were
 * linked; zoom and pan by the same steps on the screen; windows among images of the same kind; turning and mirroring among views of the
 * same lie of the patient that are turned alike (a tilted head is tilted in all its series, and not in its prior). The active view leads.
 */
import type { Cell } from './cell';
import { closest } from './closest';
import type { View } from './camera';
import type { Frame } from './frame';
import { dot, planeOf, spaceOf } from './geometry';
import type { Vector } from './orientation';
import { sameTurn } from './turned';

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
    // How it was turned is told by `turned`, after this where a reset does both.
    const { rotation, mirrored } = before;
    this.view = { of: cell, view: { ...now, rotation, mirrored } };
    const factor = now.zoom / before.zoom;
    const pan: [number, number] = [now.pan[0] - before.pan[0] * factor, now.pan[1] - before.pan[1] * factor];
    if (Math.abs(factor - 1) < 1e-6 && Math.hypot(...pan) < 1e-3) return;
    for (const other of this.others()) other.framing.moveBy(factor, pan);
  }

  /** The leading view was turned or mirrored: its own pan, that goes round with it, is no step of the others. */
  turned(cell: Cell): void {
    if (!this.on || cell !== this.leader()) return;
    const before = this.view?.of === cell ? this.view.view : null;
    const now = cell.view();
    this.view = { of: cell, view: now };
    if (!before || sameTurn(before, now)) return;
    for (const other of this.others()) if (sameLie(cell.currentFrame(), other.currentFrame()) && sameTurn(before, other.view())) other.framing.turnLike(now);
  }

  /** The leading view's window or VOI LUT, and gamma: for images whose values mean the same, unless the two were put up with different windows. */
  windowed(cell: Cell): void {
    if (cell !== this.leader()) return;
    for (const other of this.others()) {
      const same = other.series?.base === cell.series?.base ? other.series?.variant !== '' || cell.series?.variant !== '' : this.on && comparable(other, cell);
      if (same && !apart(other, cell)) other.greys.take(cell.grey);
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
    if (!here || !there || here.plane || there.plane || here.curved || there.curved) return null;
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

/** Values of CT mean the same in every series; those of others only in series of the same name. */
function comparable({ info: a }: Cell, { info: b }: Cell): boolean {
  const named = (text: string | null | undefined): string => (text ?? '').trim().toLowerCase();
  return (a.modality ?? '') === (b.modality ?? '') && (a.modality === 'CT' || named(a.series_description) === named(b.series_description));
}

/** Whether two images are of one lie of the patient, seen from the same side: the same image, or others of its space along it. */
export function sameLie(here: Frame | null, there: Frame | null): boolean {
  if (!here || !there || here.curved || there.curved) return false;
  if (here.sop_uid !== '' && here.sop_uid === there.sop_uid && here.frame === there.frame) return true;
  const [a, b] = [planeOf(here), planeOf(there)];
  const space = spaceOf(here);
  return space !== null && space === spaceOf(there) && dot(a.row, b.row) >= ALONG && dot(a.column, b.column) >= ALONG;
}

function apart({ asked: a }: Cell, { asked: b }: Cell): boolean {
  return a !== null && b !== null && (a.center !== b.center || a.width !== b.width);
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
