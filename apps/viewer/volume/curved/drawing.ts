/** The curve tool (V-29): points set on any planes of one space, moved, put between, taken away, taken back; and the CPR they make. */
import type { Cell } from '../../cell';
import type { CellRequest } from '../../cellhost';
import { offPlane, planeOf, spaceOf, toIndex, toWorld } from '../../geometry';
import type { CurveShape, Mark } from '../../lines';
import type { Vector } from '../../orientation';
import { add, centrelineThrough, distinct, footOn, less, type Centreline } from './centreline';
import type { Slab } from '../computed';
import { WIDTHS, type Cpr, type CprSetting } from './cpr';

/** CSS pixels: how near a press takes hold of a point, or of the curve between two. */
const GRIP = 8;
/** mm from a plane within which the curve is in it for the hand and the eye; thick images hold more. */
const NEAR = 1.5;
/** Steps that can be taken back. */
const DEPTH = 100;
/** mm between the places the curve is drawn through. */
const DRAWN = 1;

type Canvas = readonly [number, number];

/** What the curve needs of the views around it. */
export interface CurveViews {
  cells(): readonly Cell[];
  /** Puts a CPR of the curve where it belongs, or the received images again; `look`: as one was seen before. */
  present(setting: CprSetting | null, look: CellRequest | null): void;
  changed(): void;
}

export class CurveDrawing {
  points: readonly Vector[] = [];
  mode: CprSetting['mode'] = 'straightened';
  width: number = WIDTHS.usual;
  /** Whether the CPR follows the points. */
  finished = false;
  private space: string | null = null;
  private past: (readonly Vector[])[] = [];
  private future: (readonly Vector[])[] = [];
  private held = -1;
  private presenting = 0;
  private slab: Slab | null = null;
  /** How the next CPR is seen. */
  private look: CellRequest | null = null;
  private line: { of: readonly Vector[]; curve: Centreline | null } | null = null;

  constructor(private readonly views: CurveViews) {}

  /** The curve as it is drawn; null with fewer than two places. */
  get curve(): Centreline | null {
    if (this.line?.of !== this.points) this.line = { of: this.points, curve: centrelineThrough(this.points, DRAWN) };
    return this.line.curve;
  }

  /** Frame of Reference UID of the points. */
  get inSpace(): string | null {
    return this.space;
  }

  down(cell: Cell, canvas: Canvas): void {
    const frame = cell.currentFrame();
    const [space, at] = [spaceOf(frame), cell.worldAt(canvas)];
    this.held = -1;
    if (!frame || space === null || !at) return;
    if (this.space !== space) this.begin(space);
    const held = this.pointUnder(cell, canvas);
    if (held < 0) this.insert(cell, canvas, at);
    else {
      this.remember();
      this.held = held;
    }
  }

  drag(cell: Cell, canvas: Canvas): void {
    const [frame, at, before] = [cell.currentFrame(), cell.worldAt(canvas), this.points[this.held]];
    if (!frame || !at || !before) return;
    // Within the plane: its depth was set where it was clicked.
    const moved = add(at, planeOf(frame).normal, offPlane(frame, before));
    this.take(this.points.map((point, i) => (i === this.held ? moved : point)));
  }

  /** Shows the CPR of the points; false when there are too few. */
  finish(): boolean {
    if (distinct(this.points).length < 2) return false;
    this.finished = true;
    this.present();
    return true;
  }

  /** Takes the last point away, or the one that is held; false when there is none. */
  remove(): boolean {
    if (this.points.length === 0) return false;
    const gone = this.held >= 0 ? this.held : this.points.length - 1;
    this.remember();
    this.held = -1;
    this.take(this.points.filter((_, i) => i !== gone));
    return true;
  }

  undo(): boolean {
    return this.step(this.past, this.future);
  }

  redo(): boolean {
    return this.step(this.future, this.past);
  }

  /** The points of elsewhere, or none. */
  set(points: readonly Vector[], space: string | null): void {
    if (space !== this.space) this.begin(space);
    else this.remember();
    this.held = -1;
    this.finished = distinct(points).length >= 2;
    this.take(points);
    if (!this.finished) this.present();
  }

  /** A CPR as it was. */
  show({ points, mode, width, slab }: CprSetting, space: string | null, look: CellRequest): void {
    [this.mode, this.width, this.slab, this.look] = [mode, width, slab ?? null, look];
    this.set(points, space);
  }

  shape(change: Partial<Pick<CprSetting, 'mode' | 'width'>>): void {
    if (change.mode) this.mode = change.mode;
    if (change.width !== undefined && Number.isFinite(change.width)) this.width = Math.min(WIDTHS.most, Math.max(WIDTHS.least, change.width));
    if (this.finished) this.present();
    this.views.changed();
  }

  /** Nothing drawn, nothing to take back; as another series comes. */
  forget(): void {
    cancelAnimationFrame(this.presenting);
    this.presenting = 0;
    this.begin(null);
  }

  /** The curve on a plane: what lies in it, and what is before or behind it. */
  shapeOn(cell: Cell): CurveShape | null {
    const frame = cell.currentFrame();
    if (!frame || this.points.length === 0 || spaceOf(frame) !== this.space) return null;
    const near = (at: Vector): boolean => Math.abs(offPlane(frame, at)) <= reach(frame.thickness);
    const shape: CurveShape = { runs: [], points: [] };
    for (const place of this.curve?.places ?? []) {
      const at = cell.canvasOf(place);
      if (!at) return null;
      const last = shape.runs[shape.runs.length - 1];
      if (last && last.near === near(place)) last.through.push(at);
      else {
        const before = last?.through[last.through.length - 1];
        shape.runs.push({ near: near(place), through: before ? [before, at] : [at] });
      }
    }
    for (const point of this.points) {
      const at = cell.canvasOf(point);
      if (at) shape.points.push({ at, near: near(point) });
    }
    return shape;
  }

  private begin(space: string | null): void {
    [this.space, this.points, this.past, this.future, this.held, this.finished] = [space, [], [], [], -1, false];
  }

  private remember(): void {
    this.past = [...this.past, this.points].slice(-DEPTH);
    this.future = [];
  }

  private step(from: (readonly Vector[])[], to: (readonly Vector[])[]): boolean {
    const points = from.pop();
    if (!points) return false;
    to.push(this.points);
    this.held = -1;
    this.take(points);
    return true;
  }

  private take(points: readonly Vector[]): void {
    this.points = points;
    // At most once a frame: a hand moves faster than pictures are computed.
    if (this.finished && !this.presenting) {
      this.presenting = requestAnimationFrame(() => {
        this.presenting = 0;
        this.present();
      });
    }
    this.views.changed();
  }

  private present(): void {
    const enough = distinct(this.points).length >= 2;
    this.finished = this.finished && enough;
    const { points, mode, width, slab, look } = this;
    this.slab = this.look = null;
    this.views.present(this.finished ? { points, mode, width, ...(slab ? { slab } : {}) } : null, look);
  }

  private pointUnder(cell: Cell, [x, y]: Canvas): number {
    const frame = cell.currentFrame();
    let best = { index: -1, away: GRIP };
    this.points.forEach((point, index) => {
      const at = frame && Math.abs(offPlane(frame, point)) <= reach(frame.thickness) ? cell.canvasOf(point) : null;
      const away = at ? Math.hypot(at[0] - x, at[1] - y) : Infinity;
      if (away <= best.away) best = { index, away };
    });
    return best.index;
  }

  /** On the curve a new point comes between its neighbours; elsewhere it goes on from the end (a finished curve: from the nearer end). */
  private insert(cell: Cell, [x, y]: Canvas, at: Vector): void {
    this.remember();
    const { curve, points } = this;
    let position = points.length;
    if (curve) {
      const { sample } = footOn(curve, at);
      const on = cell.canvasOf(curve.places[Math.round(sample)] as Vector);
      const inside = sample > 0.5 && sample < curve.places.length - 1.5;
      const frame = cell.currentFrame();
      const close = frame && Math.abs(offPlane(frame, curve.places[Math.round(sample)] as Vector)) <= reach(frame.thickness);
      if (inside && close && on && Math.hypot(on[0] - x, on[1] - y) <= GRIP) position = points.filter((point) => footOn(curve, point).sample < sample).length;
      else if (this.finished && Math.hypot(...less(at, points[0] as Vector)) < Math.hypot(...less(at, points[points.length - 1] as Vector))) position = 0;
    }
    this.held = position;
    this.take([...points.slice(0, position), at, ...points.slice(position)]);
  }
}

const reach = (thickness: number | null): number => Math.max(NEAR, (thickness ?? 0) / 2);

// ---- the CPR picture and the patient ------------------------------------------------------------------------------

/** Place of the patient under a point of a cell that shows a CPR; null beyond the curve's ends. */
export function placeOnCpr(cell: Cell, source: Cpr, canvas: Canvas): Vector | null {
  const [frame, at] = [cell.currentFrame(), cell.worldAt(canvas)];
  return frame && at ? (source.surface(frame.index)?.toPatient(toIndex(frame, at)) ?? null) : null;
}

/** Where a place is on a CPR, when it is at most this far from its surface, mm. */
const BESIDE = 5;

export function markOnCpr(cell: Cell, source: Cpr, place: Vector): Mark | null {
  const frame = cell.currentFrame();
  const found = frame && source.surface(frame.index)?.toPicture(place);
  if (!found || Math.abs(found.off) > BESIDE) return null;
  const at = cell.canvasOf(toWorld(frame, found.pixel));
  return at && { at, off: Math.abs(found.off) };
}
