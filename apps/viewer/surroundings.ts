/** What is around a cell: what it asks of the viewer it is in, and tells it. */
import type { RenderingEngine } from '@cornerstonejs/core';
import type { Cell } from './cell';
import type { CellHost } from './cellhost';
import type { CornerLayout } from './corners';
import type { ToolGroup, ToolName } from './engine';
import type { FilterSetting } from './filter';
import type { Frame } from './frame';
import { markedBy } from './keyimages';
import type { Shapes } from './lines';
import { removeSources, sourcePrefix } from './loader';
import type { ShownOverlay } from './overlays/overlay';
import type { Planes } from './overlays/planes';
import type { Choice } from './presets';
import type { ImageSource } from './source';
import type { Language } from './words';
import type { Workings } from './workings';

const REST = 500; // ms

export class Surroundings implements CellHost {
  constructor(private readonly inside: Workings) {}

  get id(): string {
    return this.inside.id;
  }

  get language(): Language {
    return this.inside.language;
  }

  get author(): string {
    return this.inside.author;
  }

  get tool(): ToolName {
    return this.inside.tool;
  }

  get corners(): CornerLayout | undefined {
    return this.inside.corners;
  }

  get engine(): RenderingEngine {
    return this.inside.engine;
  }

  get group(): ToolGroup {
    return this.inside.group;
  }

  get foreign(): ShownOverlay | null {
    return this.inside.foreign;
  }

  get planes(): Planes {
    return this.inside.planes;
  }

  stopDrawing(): void {
    this.inside.stopDrawing();
  }

  automatic(cell: Cell): Choice | null {
    return this.inside.presets.automatic(cell);
  }

  filterOf(source: ImageSource): FilterSetting | null {
    return this.inside.treated.filterOf(source);
  }

  calibrated(source: ImageSource, frame: Frame): Frame {
    return this.inside.drawn.calibrated(source, frame);
  }

  markedBy(cell: Cell): string | null {
    return markedBy(this.inside.keyImages, cell);
  }

  viewed(cell: Cell): void {
    this.inside.linking.moved(cell);
  }

  turned(cell: Cell): void {
    this.inside.linking.turned(cell);
  }

  laid(cell: Cell): void {
    if (cell === this.inside.cell) this.inside.linking.lead();
  }

  windowed(cell: Cell): void {
    this.inside.linking.windowed(cell);
  }

  moved(cell: Cell): void {
    this.inside.spatial.moved(cell);
    this.inside.linking.scrolled(cell);
  }

  received(cell: Cell): boolean {
    return this.inside.spatial.mpr.receivedIn(cell);
  }

  linesOn(cell: Cell): Shapes {
    return this.inside.spatial.linesOn(cell);
  }

  aim(cell: Cell, press: 'down' | 'drag', canvas: readonly [number, number]): void {
    if (this.inside.tool === 'crosshair' || this.inside.tool === 'curve') this.inside.spatial.aim(this.inside.tool, cell, press, canvas);
  }

  leaving(source: ImageSource): void {
    if (source.variant === '') return;
    this.inside.drawn.leave(source);
    const prefix = sourcePrefix(this.inside.id, source);
    // Not before the next picture is on the screen: Cornerstone may still draw the old one.
    window.setTimeout(() => removeSources((imageId) => imageId.startsWith(prefix)), REST);
  }

  known(series: ImageSource): void {
    this.inside.drawn.known(series);
    void this.inside.planes.know(series.base);
  }

  changed(cell: Cell): void {
    this.inside.solid.check();
    if (cell === this.inside.cell) this.inside.telling.changed();
  }

  shown(cell: Cell): void {
    this.inside.linking.entered(cell);
    this.inside.hung.settled(cell);
    if (cell.series) this.inside.telling.emit('shown', { ...cell.series.key, index: cell.index, cell: this.inside.cells.indexOf(cell) });
  }

  failed(cell: Cell, words: string): void {
    this.inside.hung.settled(cell);
    if (cell.series) this.inside.telling.emit('failed', { ...cell.series.key, words, cell: this.inside.cells.indexOf(cell) });
  }

  retry(cell: Cell): void {
    if (!cell.series) return;
    const { study, series } = cell.series.key;
    const info = this.inside.described.of(cell);
    this.inside.show({ study, series, cell: this.inside.cells.indexOf(cell), ...(info ? { info } : {}) });
  }
}
