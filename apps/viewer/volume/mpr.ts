/** Multiplanar reformatting (V-27, V-28): three planes of one series beside the series itself, and the way back. */
import type { Cell } from '../cell';
import type { CellRequest } from '../cellhost';
import type { Vector } from '../orientation';
import { planeOf } from '../geometry';
import type { LayoutName } from '../layout';
import type { ImageSource } from '../source';
import { Cpr, type CprSetting } from './curved/cpr';
import { ATTITUDES, turnedAbout, type PlaneName } from './planes';
import type { Removal } from './mask';
import { Reformat, type Setting } from './reformat';
import { middleOf } from './volume';

const PLANES: readonly PlaneName[] = ['axial', 'coronal', 'sagittal'];

/** What MPR needs of the grid around it. */
export interface Grid {
  cells(): readonly Cell[];
  active(): number;
  layout(): LayoutName;
  arrange(layout: LayoutName, active: number): void;
  /** Shows a source in a cell as another was shown; from the middle without an index. */
  put(cell: Cell, source: ImageSource, like: Shown): void;
  /** What is taken out of the planes of a series. */
  removal(base: ImageSource): Removal | null;
  /** Whether planes may be turned (V-28). */
  oblique(): boolean;
}

interface Shown extends CellRequest {
  info: Cell['info'];
}

/** A plane to be shown as it was, and how it was seen. */
export interface Standing {
  setting: Setting;
  look: CellRequest;
}

/** What of a cell's look goes to other pictures of its images. */
function lookOf({ info, grey }: Cell): Shown {
  const readers = grey.readers();
  return { info, ...(readers ? { grey: readers } : {}) };
}

/** How a cell looks at its images. */
function seenIn(cell: Cell): Shown {
  const { rotation, mirrored } = cell.view();
  return { ...lookOf(cell), ...(cell.index < 0 ? {} : { index: cell.index }), turn: { rotation, mirrored } };
}

interface Before {
  layout: LayoutName;
  active: number;
  cells: (Shown & { source: ImageSource | null })[];
}

export class Mpr {
  private before: Before | null = null;

  constructor(private readonly grid: Grid) {}

  get on(): boolean {
    return this.before !== null;
  }

  /** The active cell's series in three planes; the fourth cell keeps the received images. `at`: one of them as it was, the others through its place. */
  start(at: Standing | null = null): void {
    const cells = this.grid.cells();
    const from = cells[this.grid.active()];
    const base = from?.series?.base;
    if (this.on || !from || !base) return;
    this.before = { layout: this.grid.layout(), active: this.grid.active(), cells: cells.map((cell) => ({ source: cell.series, ...seenIn(cell) })) };
    const [look, seen] = [lookOf(from), seenIn(from)];
    const removal = this.grid.removal(base);
    this.grid.arrange('2x2', at ? PLANES.indexOf(at.setting.name) : 0);
    this.grid.cells().forEach((cell, position) => {
      const name = PLANES[position];
      if (!name) this.grid.put(cell, base, seen);
      else if (at?.setting.name === name) this.grid.put(cell, new Reformat(base, { ...at.setting, removal }), { ...look, ...at.look });
      else this.grid.put(cell, new Reformat(base, { name, removal, through: at?.setting.through }), look);
    });
  }

  /** As `start`, of planes that are shown already. */
  take({ setting, look }: Standing): void {
    for (const { cell, source } of this.planes()) {
      const own = source.setting.name === setting.name;
      if (own) this.grid.arrange(this.grid.layout(), this.grid.cells().indexOf(cell));
      cell.replace(source.with(own ? setting : { attitude: undefined, through: setting.through }), setting.through ?? null, own ? look : {});
    }
  }

  /** The grid of before; with its images, unless others are about to come. */
  stop(restore: boolean): void {
    const { before } = this;
    if (!before) return;
    this.before = null;
    const active = this.grid.cells()[this.grid.active()];
    const base = active?.series?.base;
    const { grey } = active ? lookOf(active) : {};
    this.grid.arrange(before.layout, before.active);
    this.grid.cells().forEach((cell, position) => {
      const was = before.cells[position];
      // What was made of the greys of these images meanwhile stays.
      if (restore && was?.source) this.grid.put(cell, was.source, was.source.base === base ? { ...was, grey } : was);
      else cell.empty();
    });
  }

  /** The CPR of a curve where the received images were, or these again. `look`: as one was seen, and it is the active view. */
  showCurved(setting: CprSetting | null, look: CellRequest | null = null): void {
    const cells = this.grid.cells();
    const cell = cells.find(({ series }) => series instanceof Cpr) ?? cells.find(({ series }) => series !== null && !(series instanceof Reformat)) ?? cells[cells.length - 1];
    const series = cell?.series;
    if (!this.on || !cell || !series) return;
    const like = lookOf(cell);
    if (look) this.grid.arrange(this.grid.layout(), cells.indexOf(cell));
    if (series instanceof Cpr && setting && !look) cell.replace(series.with(setting));
    else if (setting) this.grid.put(cell, new Cpr(series.base, { ...setting, removal: this.grid.removal(series.base) }), { ...like, ...look });
    else if (series instanceof Cpr) this.grid.put(cell, series.base, like);
  }

  /** Whether a series is to come back after MPR. */
  holds(series: ImageSource): boolean {
    return this.before?.cells.some(({ source }) => source?.base === series) ?? false;
  }

  /** Whether a cell shows received images beside their planes. */
  receivedIn({ series }: Cell): boolean {
    return this.on && series !== null && series.base === series;
  }

  /** The middle of the volume, once its geometry is known. */
  middle(): Vector | null {
    const volume = this.planes()[0]?.source.volume;
    return volume ? middleOf(volume) : null;
  }

  /** Turns the planes that cross this cell's about the axis of its picture through a place; radians, from its rows towards its columns. */
  turn(cell: Cell, angle: number, through: Vector): void {
    const frame = cell.currentFrame();
    if (!this.on || !frame) return;
    const axis = planeOf(frame).normal;
    for (const { cell: other, source } of this.planes()) {
      if (other === cell) continue;
      const attitude = turnedAbout(source.setting.attitude ?? ATTITUDES[source.setting.name], axis, angle);
      other.replace(source.with({ attitude, through }), through);
    }
  }

  /** The planes of the patient's axes again. */
  straighten(through: Vector): void {
    for (const { cell, source } of this.planes()) if (source.setting.attitude) cell.replace(source.with({ attitude: undefined, through }), through);
  }

  private planes(): { cell: Cell; source: Reformat }[] {
    return this.on ? this.grid.cells().flatMap((cell) => (cell.series instanceof Reformat ? [{ cell, source: cell.series }] : [])) : [];
  }
}
