/** What the views of one coordinate system share: reference lines (V-24), the 3D point (V-37), and the planes through it. */
import type { CprChange, CurveState } from './api';
import type { Cell } from './cell';
import type { CellRequest } from './cellhost';
import { Crosshair } from './crosshair';
import type { Frame } from './frame';
import { offPlane, spaceOf, toIndex, toWorld } from './geometry';
import type { Line, Mark, Shapes } from './lines';
import type { Vector } from './orientation';
import { bring, type Place } from './point';
import { crossing } from './references';
import type { ImageSource } from './source';
import { ANGLES, Cpr, type CprSetting } from './volume/curved/cpr';
import { CurveDrawing, markOnCpr } from './volume/curved/drawing';
import { Mpr, type Grid } from './volume/mpr';
import type { Setting } from './volume/reformat';

const ACTIVE = '#ffd640';
const COLOURS = { axial: '#ff7a6b', coronal: '#79d98c', sagittal: '#6cb8ff' } as const;

/** Curves of so many series. */
const REMEMBERED = 20;

/** Of a CPR about its curve, for each CSS pixel of a drag. */
const DEGREES = 0.5;

export class Spatial {
  readonly mpr: Mpr;
  readonly curve: CurveDrawing;
  place: Place | null = null;
  private readonly crosshair: Crosshair;
  private grasp = { x: 0, angle: 0 };
  /** The last curve of each series, by its UID: a hanging protocol may ask for it again. */
  private readonly curves = new Map<string, CprSetting>();

  constructor(
    private readonly grid: Grid,
    private readonly changed: () => void,
  ) {
    this.mpr = new Mpr(grid);
    this.curve = new CurveDrawing({ cells: () => grid.cells(), present: (setting, look) => this.present(setting, look), changed: () => this.refresh() });
    this.crosshair = new Crosshair({
      point: () => this.place?.at ?? null,
      set: (cell, at) => this.point(cell, at),
      turns: (cell) => grid.oblique() && this.mpr.on && cell.currentFrame()?.plane !== undefined,
      turn: (cell, angle) => {
        if (this.place) this.mpr.turn(cell, angle, this.place.at);
        this.refresh();
      },
    });
  }

  aim(tool: 'crosshair' | 'curve', cell: Cell, press: 'down' | 'drag', canvas: readonly [number, number]): void {
    if (tool === 'curve' && cell.series instanceof Cpr) this.spin(cell, press, canvas[0]);
    else if (tool === 'curve') this.curve[press](cell, canvas);
    else if (cell.series instanceof Cpr) this.pointFrom(cell, canvas);
    else this.crosshair[press](cell, canvas);
  }

  /** Turns a CPR about its curve by a drag across it. */
  private spin(cell: Cell, press: 'down' | 'drag', x: number): void {
    if (press === 'down') this.grasp = { x, angle: cell.goal };
    else cell.scrollTo((((Math.round(this.grasp.angle + (x - this.grasp.x) * DEGREES) % ANGLES) + ANGLES) % ANGLES));
  }

  /** The coordinate system of what a cell shows; a CPR has that of its curve. */
  spaceOf(cell: Cell): string | null {
    return cell.series instanceof Cpr ? this.curve.inSpace : spaceOf(cell.currentFrame());
  }

  /** A place on a CPR: it is marked there and all other views go to it. */
  private pointFrom(cell: Cell, canvas: readonly [number, number]): void {
    const [at, space] = [cell.patientAt(canvas), this.spaceOf(cell)];
    if (at && space !== null) this.setPlace({ at, space });
  }

  /** A place on the image of a cell: every other view of the same space goes there. */
  point(cell: Cell, at: Vector): void {
    const space = spaceOf(cell.currentFrame());
    if (space) this.setPlace({ at, space }, cell);
  }

  setPlace(place: Place | null, besides: Cell | null = null): void {
    this.place = place;
    if (place) for (const cell of this.grid.cells()) if (cell !== besides) bring(cell, place);
    this.refresh();
  }

  toggleMpr(on = !this.mpr.on, restore = true): void {
    if (on === this.mpr.on) return;
    this.place = null;
    this.curve.forget();
    if (on) this.mpr.start();
    else this.mpr.stop(restore);
    this.refresh();
  }

  /** Planes of the patient's axes again, all through the point. */
  straighten(): void {
    if (this.mpr.on && this.place) this.mpr.straighten(this.place.at);
  }

  /** Planes of the active series, one of them as it was; all go through its place. */
  showPlane(setting: Setting, look: CellRequest): void {
    const base = this.grid.cells()[this.grid.active()]?.series?.base;
    const space = spaceOf(base?.header?.frames[0] ?? null);
    if (this.mpr.on) this.mpr.take({ setting, look });
    else {
      this.curve.forget();
      this.mpr.start({ setting, look });
    }
    this.place = setting.through && space !== null ? { at: setting.through, space } : null;
    this.refresh();
  }

  /** A CPR of the active series as it was, and its planes. */
  showCurve(setting: CprSetting, look: CellRequest): void {
    const base = this.grid.cells()[this.grid.active()]?.series?.base;
    const space = spaceOf(base?.header?.frames[0] ?? null);
    if (!this.mpr.on) this.toggleMpr(true);
    this.curve.show(setting, space, look);
  }

  /** The curve drawn last in the images of a series; null where none was. */
  curveOf(series: ImageSource): CprSetting | null {
    return this.curves.get(series.key.series) ?? null;
  }

  private present(setting: CprSetting | null, look: CellRequest | null): void {
    const series = this.grid.cells().find((cell) => cell.series !== null)?.series;
    if (setting && series) {
      this.curves.delete(series.key.series);
      this.curves.set(series.key.series, setting);
      for (const oldest of this.curves.keys()) if (this.curves.size > REMEMBERED) this.curves.delete(oldest);
    }
    this.mpr.showCurved(setting, look);
  }

  /** Another image is in a cell: in MPR the point stays in every plane, and the lines of the others move. */
  moved(cell: Cell): void {
    const frame = cell.currentFrame();
    if (this.mpr.on && frame?.plane) {
      if (this.place) {
        const off = offPlane(frame, this.place.at);
        // Within half a step it is still the plane of the point.
        if (Math.abs(off) > frame.plane.step / 2 + 1e-3) this.place = { ...this.place, at: toWorld(frame, toIndex(frame, this.place.at)) };
      } else {
        const [middle, space] = [this.mpr.middle(), spaceOf(frame)];
        if (middle && space) return this.setPlace({ at: middle, space });
      }
    }
    this.refresh();
  }

  /** The curve by its points, in the space of the planes; null for none. */
  setCurve(points: readonly Vector[] | null): void {
    const space = this.grid.cells().map((cell) => spaceOf(cell.currentFrame())).find((one) => one !== null) ?? null;
    if (points === null) this.curve.set([], this.curve.inSpace);
    else if (this.mpr.on && space !== null && points.every((point) => point.every(Number.isFinite))) this.curve.set(points, space);
  }

  setCpr(change: CprChange): void {
    this.curve.shape(change);
    if (change.angle !== undefined && Number.isFinite(change.angle)) this.cprCell()?.scrollTo(((Math.round(change.angle) % ANGLES) + ANGLES) % ANGLES);
  }

  /** What a page is told of the curve; null when there is none and none is being drawn. */
  curveState(drawing: boolean): CurveState | null {
    const { points, curve, mode, width } = this.curve;
    if (!this.mpr.on || (points.length === 0 && !drawing)) return null;
    const shown = this.cprCell();
    return { points: points.map(([x, y, z]) => [x, y, z]), length: curve?.length ?? null, mode, width, angle: shown ? Math.max(0, shown.index) : null };
  }

  private cprCell(): Cell | undefined {
    return this.grid.cells().find(({ series }) => series instanceof Cpr);
  }

  linesOn(cell: Cell): Shapes {
    const frame = cell.currentFrame();
    if (!frame) return { lines: [], mark: null };
    if (cell.series instanceof Cpr) return { lines: [], mark: this.place && this.place.space === this.curve.inSpace ? markOnCpr(cell, cell.series, this.place.at) : null };
    const lines: Line[] = [];
    this.grid.cells().forEach((other, position) => {
      const of = other === cell ? null : other.currentFrame();
      const shown = of && (this.mpr.on ? of.plane !== undefined : position === this.grid.active());
      if (shown) lines.push(...this.line(cell, frame, of));
    });
    return { lines, mark: this.mark(cell, frame), curve: this.mpr.on ? this.curve.shapeOn(cell) : null };
  }

  private line(cell: Cell, on: Frame, of: Frame): Line[] {
    const ends = crossing(on, of)?.map((end) => cell.canvasOf(toWorld(on, end)));
    const [from, to] = ends ?? [];
    return from && to ? [{ from, to, colour: of.plane ? COLOURS[of.plane.name] : ACTIVE, name: of.plane?.name ?? 'active' }] : [];
  }

  private mark(cell: Cell, frame: Frame): Mark | null {
    if (!this.place || spaceOf(frame) !== this.place.space) return null;
    const at = cell.canvasOf(this.place.at);
    const off = Math.abs(offPlane(frame, this.place.at));
    return at && off <= Math.max(frame.thickness ?? 0, 1) ? { at, off } : null;
  }

  private refresh(): void {
    for (const cell of this.grid.cells()) cell.refresh();
    this.changed();
  }
}
