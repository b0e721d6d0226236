/** The one volume rendering of a viewer: in which cell it lies, and when it goes. */
import type { Cell } from '../cell';
import { spaceOf } from '../geometry';
import type { Place } from '../point';
import type { ImageSource } from '../source';
import type { Removal } from '../volume/mask';
import { Reformat } from '../volume/reformat';
import type { Language } from '../words';
import { RenderingView, type RenderingChange, type RenderingState } from './view';

export interface RenderingViews {
  language(): Language;
  cells(): readonly Cell[];
  active(): Cell;
  place(): Place | null;
  setPlace(place: Place): void;
  /** What is taken out of the volume of a series. */
  removal(base: ImageSource): Removal | null;
  changed(): void;
}

export class Rendering {
  private shown: { cell: Cell; view: RenderingView } | null = null;

  constructor(private readonly views: RenderingViews) {}

  get state(): RenderingState | null {
    return this.shown?.view.state() ?? null;
  }

  get shownIn(): Cell | null {
    return this.shown?.cell ?? null;
  }

  /** The picture in a cell, when it is this one. */
  canvasOf(cell: Cell | undefined): HTMLCanvasElement | null {
    return cell && this.shown?.cell === cell ? this.shown.view.canvas : null;
  }

  screenOf(at: readonly [number, number, number]): { x: number; y: number } | null {
    return this.shown?.view.screenOf(at) ?? null;
  }

  toggle(on = this.shown === null): void {
    if (!on) this.close();
    else if (!this.shown) this.open();
  }

  /** Of the series in this cell; there is one rendering at a time. */
  openIn(cell: Cell): void {
    this.close();
    this.open(cell);
  }

  /** Of the active cell's series; beside its planes where there are some. */
  private open(active = this.views.active()): void {
    const { views } = this;
    const source = active.series?.base;
    if (!source) return;
    const cell = active.series instanceof Reformat ? (views.cells().find(({ series }) => series?.base === source && !(series instanceof Reformat)) ?? active) : active;
    const space = (): string | null => spaceOf(source.header?.frames[0] ?? null);
    const view = new RenderingView(cell, source, {
      language: () => views.language(),
      modality: () => cell.info.modality ?? null,
      place: () => {
        const place = views.place();
        return place && place.space === space() ? place.at : null;
      },
      setPlace: (at) => {
        const own = space();
        if (own !== null) views.setPlace({ at, space: own });
      },
      removal: () => views.removal(source),
      changed: () => views.changed(),
      close: () => this.close(),
    });
    this.shown = { cell, view };
    cell.solid = view;
    views.changed();
  }

  close(): void {
    this.shown?.view.dispose();
    if (this.shown) this.shown.cell.solid = null;
    this.shown = null;
    this.views.changed();
  }

  /** Its cell is gone or shows other images: so does it. */
  check(): void {
    const { shown } = this;
    if (shown && (!this.views.cells().includes(shown.cell) || shown.cell.series?.base !== shown.view.source)) this.close();
  }

  change(change: RenderingChange): void {
    this.shown?.view.change(change);
  }

  /** Of the last cut or crop, when it lies in this cell; false when there is nothing to take back. */
  undo(cell: Cell): boolean {
    return this.shown?.cell === cell && this.shown.view.undo();
  }

  /** False when it does not lie in this cell. */
  reset(cell: Cell): boolean {
    if (this.shown?.cell !== cell) return false;
    this.shown.view.reset();
    return true;
  }

  /** What is taken out of a series has changed. */
  masked(base: ImageSource): void {
    if (this.shown?.view.source === base) this.shown.view.masked();
  }

  refresh(): void {
    this.shown?.view.refreshMarks();
  }

  reword(): void {
    this.shown?.view.refresh();
  }
}
