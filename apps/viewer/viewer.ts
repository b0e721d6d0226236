/** The viewer: a grid of cells, tools, keys, measurements, and the state a page or a kernel sees. */
import { cache, type RenderingEngine } from '@cornerstonejs/core';
import type { CprChange, LayoutName, SeriesRef, ShowRequest, Viewer, ViewerEvents, ViewerOptions, ViewerState, WindowSetting } from './api';
import { Cell } from './cell';
import type { CellHost } from './cellhost';
import { Cine, type CineSetting } from './cine';
import type { Commanded } from './commands';
import type { CaseInfo } from './corners';
import { Dialog } from './dialog';
import { Drawn } from './drawn';
import { Described } from './described';
import { acceptDrops } from './dropping';
import { activate, cancelDrawing, dropToolGroup, finishDrawing, isDrawing, makeEngine, makeToolGroup, start, store, TOOLS, type ToolGroup, type ToolName } from './engine';
import { Guide } from './guide';
import { Grid } from './grid';
import { commandOf, type OwnKeys } from './keys';
import type { FilterSetting } from './filter';
import type { Frame } from './frame';
import { Labelling } from './labelling';
import { isLayout, nextLayout } from './layout';
import type { Shapes } from './lines';
import { Linking } from './linking';
import { LostGraphics } from './lost';
import { removeSources, sourceCount, sourcePrefix } from './loader';
import type { Measurement } from './measurements';
import { ShownOverlay, type OverlayData, type OverlayLook } from './overlays/overlay';
import { automaticChoice, presetsOf, type Choice, type OwnPreset, type Preset, type SeriesFacts } from './presets';
import { nextGamma } from './curve';
import type { Series } from './store';
import type { ImageSource } from './source';
import { Rendering } from './rendering/rendering';
import type { RenderingChange } from './rendering/view';
import { Spatial } from './spatial';
import { stateOf } from './state';
import { adoptStyle } from './style';
import { Telling } from './telling';
import { Treated } from './treated';
import { TrueSize } from './truesize';
import { UnsupportedViewer } from './unsupported';
import { Cpr } from './volume/curved/cpr';
import { Reformat, type Slab } from './volume/reformat';
import { windowFunction } from './window';
import { say, type Language } from './words';

const REST = 500; // ms

let counter = 0;
const viewers = new Set<GridViewer>();
store.inUse = (series) => [...viewers].some((viewer) => viewer.shows(series));

class GridViewer implements Viewer, CellHost, Commanded {
  readonly id = `v${(counter += 1).toString(36)}`;
  engine: RenderingEngine;
  readonly group: ToolGroup;
  readonly corners: ViewerOptions['corners'];
  language: Language;
  author: string;
  private readonly root = document.createElement('div');
  private readonly base: string;
  private readonly grid: Grid<Cell>;
  private readonly described: Described;
  private ownKeys: OwnKeys = {};
  tool: ToolName;
  private cellNumber = 0;
  private readonly telling: Telling;
  private own: readonly OwnPreset[] = [];
  private readonly drawn: Drawn;
  private readonly dialog = new Dialog(this.root);
  private readonly size = new TrueSize(this.root, this.dialog, { language: () => this.language, zoom: (mmPerPixel) => this.cell.showTrueSize(mmPerPixel) });
  private readonly labelling: Labelling;
  private readonly guide = new Guide(this.root, () => this.language);
  private readonly spatial: Spatial;
  private readonly solid: Rendering;
  private readonly linking = new Linking({ cells: () => this.grid.cells, active: () => this.grid.active });
  private readonly cine = new Cine(
    () => {
      const { cell } = this;
      return { count: () => cell.count, index: () => cell.goal, ready: (position) => cell.ready(position), show: (position) => cell.scrollTo(position) };
    },
    () => this.telling.changed(),
  );
  private readonly treated = new Treated(() => this.grid.cells);
  foreign: ShownOverlay | null = null;
  private disposed = false;
  private readonly sizes: ResizeObserver;
  private readonly endDrops: () => void;
  private readonly lost: LostGraphics;

  constructor(parent: HTMLElement, options: ViewerOptions) {
    this.language = options.lang ?? 'zh';
    this.author = options.author ?? '';
    this.base = options.base ?? '/services/images';
    this.described = new Described(this.base);
    this.telling = new Telling(() => this.state(), options.onState);
    this.corners = options.corners;
    this.tool = options.tool ?? 'window';
    this.solid = new Rendering({
      language: () => this.language,
      cells: () => this.grid.cells,
      active: () => this.grid.cell,
      place: () => this.spatial.place,
      setPlace: (place) => this.spatial.setPlace(place),
      removal: (base) => this.treated.removalOf(base),
      changed: () => this.telling.changed(),
    });
    this.grid = new Grid(
      {
        root: this.root,
        make: () => new Cell(this, `${this.id}-c${(this.cellNumber += 1)}`),
        label: (position) => `${say('cell', this.language)} ${position + 1}`,
        resized: () => this.root.clientWidth > 1 && this.root.clientHeight > 1 && this.engine.resize(true, true),
        changed: () => {
          this.linking.lead();
          this.solid.check();
          this.telling.changed();
        },
      },
      isLayout(options.layout) ? options.layout : '1x1',
    );
    adoptStyle(parent);
    this.root.className = 'px-viewer';
    this.root.tabIndex = 0;
    this.root.setAttribute('role', 'application');
    this.root.setAttribute('aria-label', say('viewer', this.language));
    this.root.addEventListener('keydown', this.keyDown);
    this.root.addEventListener('pointerdown', this.pointerDown, true);
    this.endDrops = acceptDrops(
      this.root,
      (target) => this.grid.at(target),
      (series, cell) => {
        this.setActive(cell);
        this.telling.emit('dropped', { ...series, cell: this.grid.active });
      },
    );
    parent.append(this.root);
    this.engine = makeEngine(this.id);
    this.lost = new LostGraphics(this.root, { engine: () => this.engine.id, language: () => this.language, restored: () => this.renew() });
    this.group = makeToolGroup(this.id);
    activate(this.group, this.tool);
    this.drawn = new Drawn({
      id: this.id,
      shown: () => this.cells.map((cell) => cell.series).filter((series) => series !== null),
      render: () => this.cells.forEach((cell) => cell.render()),
      busy: () => isDrawing(this.group),
      recalibrated: () => {
        for (const cell of this.cells) {
          cell.refresh();
          cell.render();
        }
      },
      changed: (list) => this.telling.emit('measurements', list),
    });
    this.labelling = new Labelling(this.root, this.dialog, {
      id: this.id,
      language: () => this.language,
      busy: () => isDrawing(this.group),
      finish: (stage) => finishDrawing(this.group, [stage], true),
      label: (id, text) => this.drawn.label(id, text),
      remove: (id) => this.drawn.remove(id),
    });
    this.spatial = new Spatial(
      {
        cells: () => this.grid.cells,
        active: () => this.grid.active,
        layout: () => this.grid.layout,
        arrange: (layout, active) => {
          this.setLayout(layout);
          this.setActive(active);
        },
        put: (cell, source, { info, grey, index }) => {
          this.described.take(cell, info);
          cell.show(source, { ...(index === undefined || index < 0 ? {} : { index }), ...(grey ? { grey } : {}) });
        },
        removal: (base) => this.treated.removalOf(base),
      },
      () => {
        this.solid.refresh();
        this.telling.changed();
      },
    );
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.root);
    viewers.add(this);
    this.grid.arrange();
  }

  // ---- grid -----------------------------------------------------------------------------------------------------

  resize(): void {
    if (!this.disposed) this.grid.resize();
  }

  /** Everything that lives in the graphics device, anew. */
  private renew(): void {
    this.stopDrawing();
    for (const cell of this.cells) cell.disable();
    this.engine.destroy();
    this.engine = makeEngine(this.id);
    this.grid.resize();
  }

  setLayout(layout: LayoutName): void {
    this.grid.setLayout(layout);
  }

  nextLayout(): void {
    this.setLayout(nextLayout(this.grid.layout));
  }

  setActive(cell: number): void {
    this.grid.setActive(cell);
  }

  private get cells(): readonly Cell[] {
    return this.grid.cells;
  }

  private get cell(): Cell {
    return this.grid.cell;
  }

  shows(series: Series): boolean {
    return this.cells.some((cell) => cell.series?.base === series) || this.spatial.mpr.holds(series);
  }

  // ---- series ---------------------------------------------------------------------------------------------------

  show(request: ShowRequest): void {
    this.cine.stop();
    this.spatial.toggleMpr(false, false);
    if (this.tool === 'curve') this.setTool('window');
    if (request.cell !== undefined && this.cells[request.cell]) this.setActive(request.cell);
    const { cell } = this;
    const series = store.show(this.base, { study: request.study, series: request.series }, this.id);
    this.described.open(cell, request.info ?? {});
    cell.show(request.plane ? new Reformat(series, { name: request.plane, removal: this.treated.removalOf(series) }) : series, {
      ...(request.index === undefined ? {} : { index: request.index }),
      ...(request.frames === undefined ? {} : { frames: request.frames }),
      ...(request.window === undefined ? {} : { window: { ...request.window, function: windowFunction(request.window.function) } }),
    });
    this.solid.check();
    void this.described.complete(cell, series);
  }

  setInfo(info: CaseInfo): void {
    this.described.add(this.cell, info);
  }

  prefetch(series: SeriesRef | SeriesRef[]): void {
    for (const one of Array.isArray(series) ? series : [series]) store.prefetch(this.base, { study: one.study, series: one.series }, this.id);
  }

  clear(): void {
    this.stopDrawing();
    this.cine.stop();
    this.treated.clear();
    this.spatial.toggleMpr(false, false);
    this.spatial.place = null;
    this.cells.forEach((cell) => cell.empty());
    this.solid.check();
    this.telling.changed();
  }

  // ---- what the reader does ---------------------------------------------------------------------------------------

  setTool(tool: ToolName): void {
    if (!TOOLS.includes(tool)) return;
    this.stopDrawing();
    // A curve is drawn on planes.
    if (tool === 'curve') this.spatial.toggleMpr(true);
    if (tool === 'curve' && !this.spatial.mpr.on) return;
    this.tool = tool;
    this.root.dataset['tool'] = tool;
    activate(this.group, tool);
    this.guide.begin(tool);
    this.telling.changed();
  }

  setWindow(window: WindowSetting): void {
    if (Number.isFinite(window.center) && Number.isFinite(window.width)) this.cell.setWindow({ ...window, function: windowFunction(window.function) });
  }

  private presets(): Preset[] {
    return presetsOf(this.facts(this.cell), this.cell.currentFrame(), this.own);
  }

  private facts(cell: Cell): SeriesFacts {
    return { modality: cell.info.modality ?? null, description: cell.info.series_description ?? null };
  }

  preset(id: string): void {
    const opened = this.cell.openedWindow();
    const preset = this.presets().find((one) => one.id === id);
    if (opened && preset) this.cell.apply(preset.choice(opened));
  }

  presetAt(position: number): void {
    const preset = this.presets()[position];
    if (preset) this.preset(preset.id);
  }

  setGamma(gamma: number): void {
    if (Number.isFinite(gamma)) this.cell.setGamma(gamma);
  }

  stepGamma(step: 1 | -1): void {
    this.setGamma(nextGamma(this.cell.grey.gamma, step));
  }

  setPresets(presets: OwnPreset[]): void {
    this.own = presets;
    this.cells.forEach((cell) => cell.applyAutomatic());
    this.telling.changed();
  }

  automatic(cell: Cell): Choice | null {
    // A preset for a description that is still to come might stand before the one that fits without it.
    return this.described.settled(cell) ? automaticChoice(this.facts(cell), this.own) : null;
  }

  invert(): void {
    this.cell.invert();
  }

  rotate(degrees: number): void {
    if (Number.isFinite(degrees)) this.cell.rotate(degrees);
  }

  flip(axis: 'horizontal' | 'vertical'): void {
    this.cell.flip(axis);
  }

  reset(): void {
    if (this.solid.reset(this.cell)) return;
    this.spatial.straighten();
    this.setFilter(null);
    this.cell.reset();
  }

  trueSize(measure = false): void {
    void this.size.show(measure);
  }

  mpr(on?: boolean): void {
    this.spatial.toggleMpr(on);
    // Without planes there is nothing to draw a curve on.
    if (this.tool === 'curve' && !this.spatial.mpr.on) this.setTool('window');
  }

  setSlab(slab: Slab | null): void {
    const { series: source } = this.cell;
    const thick = slab && slab.thickness > 0 ? slab : null;
    if (source instanceof Reformat) this.cell.replace(source.with({ slab: thick }));
    else if (source instanceof Cpr) this.cell.replace(source.with({ slab: thick }));
  }

  setCurve(points: [number, number, number][] | null): void {
    this.spatial.setCurve(points);
  }

  finishCurve(): void {
    this.spatial.curve.finish();
  }

  setCpr(change: CprChange): void {
    this.spatial.setCpr(change);
  }

  rendering(on?: boolean): void {
    this.solid.toggle(on);
  }

  setRendering(change: RenderingChange): void {
    this.solid.change(change);
  }

  renderedAt(at: [number, number, number]): { x: number; y: number } | null {
    return this.solid.screenOf(at);
  }

  setMasks(masks: readonly ArrayBuffer[]): void {
    const base = this.cell.series?.base;
    if (!base) return;
    this.treated.setMasks(base, masks);
    this.solid.masked(base);
    this.telling.changed();
  }

  setPoint(at: [number, number, number]): void {
    const space = this.spatial.spaceOf(this.cell);
    if (space && at.every(Number.isFinite)) this.spatial.setPlace({ at, space });
  }

  play(setting: CineSetting | null): void {
    if (setting && Number.isFinite(setting.fps)) this.cine.play(setting);
    else this.cine.stop();
  }

  toggleCine(): void {
    this.play(this.cine.setting ? null : { fps: 10, mode: 'forward' });
  }

  setLinked(on: boolean): void {
    this.linking.set(on);
    this.telling.changed();
  }

  toggleLinked(): void {
    this.setLinked(!this.linking.on);
  }

  /** Of the active cell's series, in every cell that shows it. */
  setFilter(filter: FilterSetting | null): void {
    if (this.treated.setFilter(this.cell.series, filter)) this.telling.changed();
  }

  setOverlay(overlay: OverlayData | null): void {
    this.foreign = overlay ? new ShownOverlay(overlay) : null;
    for (const cell of this.cells) cell.drawForeign();
  }

  setOverlayLook({ hidden, opacity }: OverlayLook): void {
    if (!this.foreign) return;
    this.foreign.look = { hidden: [...hidden], opacity: Math.min(1, Math.max(0, opacity)) };
    for (const cell of this.cells) cell.drawForeign();
  }

  filterOf(source: ImageSource): FilterSetting | null {
    return this.treated.filterOf(source);
  }

  calibrated(source: ImageSource, frame: Frame): Frame {
    return this.drawn.calibrated(source, frame);
  }

  viewed(cell: Cell): void {
    this.linking.moved(cell);
  }

  windowed(cell: Cell): void {
    this.linking.windowed(cell);
  }

  moved(cell: Cell): void {
    this.spatial.moved(cell);
    this.linking.scrolled(cell);
  }

  linesOn(cell: Cell): Shapes {
    return this.spatial.linesOn(cell);
  }

  aim(cell: Cell, press: 'down' | 'drag', canvas: readonly [number, number]): void {
    if (this.tool === 'crosshair' || this.tool === 'curve') this.spatial.aim(this.tool, cell, press, canvas);
  }

  leaving(source: ImageSource): void {
    if (source.variant === '') return;
    this.drawn.leave(source);
    const prefix = sourcePrefix(this.id, source);
    // Not before the next picture is on the screen: Cornerstone may still draw the old one.
    window.setTimeout(() => removeSources((imageId) => imageId.startsWith(prefix)), REST);
  }

  scrollTo(index: number): void {
    this.cell.scrollTo(index);
  }

  scrollBy(images: number): void {
    this.cell.scrollBy(images);
  }

  scrollToEnd(last: boolean): void {
    this.cell.scrollTo(last ? this.cell.count - 1 : 0);
  }

  zoomBy(factor: number): void {
    this.cell.zoomBy(factor);
  }

  valueAt(point: [number, number], index?: number): number | number[] | null {
    return this.cell.valueAt(point, index).value;
  }

  screenOf(point: [number, number]): { x: number; y: number } | null {
    return this.cell.screenOf(point);
  }

  canvas(cell = this.grid.active): HTMLCanvasElement | null {
    return this.solid.canvasOf(this.cells[cell]) ?? this.cells[cell]?.canvas ?? null;
  }

  setLanguage(lang: Language): void {
    this.language = lang;
    this.root.setAttribute('aria-label', say('viewer', lang));
    this.drawn.reword();
    this.guide.write();
    for (const cell of this.cells) {
      if (cell.series) {
        cell.refresh();
        cell.render();
      } else cell.empty();
    }
    this.solid.reword();
    this.setActive(this.grid.active);
  }

  setKeys(keys: OwnKeys): void {
    this.ownKeys = keys;
  }

  private readonly pointerDown = (event: PointerEvent): void => {
    if (this.dialog.contains(event.target)) return;
    const position = this.grid.at(event.target as Node);
    if (position >= 0 && position !== this.grid.active) this.setActive(position);
    this.root.focus({ preventScroll: true });
  };

  private readonly keyDown = (event: KeyboardEvent): void => {
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement) return;
    const command = commandOf(event, this.ownKeys);
    if (!command || command.run(this) === false) return;
    event.preventDefault();
    event.stopPropagation();
  };

  // ---- measurements ---------------------------------------------------------------------------------------------

  /** What is half drawn goes: its other half would be of another image, or of nothing. */
  stopDrawing(): void {
    this.dialog.cancel();
    this.size.cancel();
    this.drawn.drop(cancelDrawing(this.group, this.cells.map((cell) => cell.stage)));
  }

  measurements(): Measurement[] {
    return this.drawn.list();
  }

  setMeasurements(list: Measurement[]): void {
    this.stopDrawing();
    this.drawn.set(list);
  }

  mergeMeasurements(changed: Measurement[], removed: string[]): void {
    this.drawn.merge(changed, removed);
  }

  undo(): void {
    this.stopDrawing();
    if (this.solid.undo(this.cell)) return;
    if (this.tool !== 'curve' || !this.spatial.curve.undo()) this.drawn.undo();
  }

  redo(): void {
    this.stopDrawing();
    if (this.tool !== 'curve' || !this.spatial.curve.redo()) this.drawn.redo();
  }

  cancel(): boolean {
    const busy = isDrawing(this.group);
    this.stopDrawing();
    if (busy || this.tool !== 'curve' || this.spatial.curve.finished) return busy;
    return this.spatial.curve.remove();
  }

  finish(): boolean {
    const drawing = isDrawing(this.group);
    finishDrawing(this.group, this.cells.map((cell) => cell.stage));
    return drawing || (this.tool === 'curve' && this.spatial.curve.finish());
  }

  removeHere(): void {
    if (this.tool !== 'curve' || !this.spatial.curve.remove()) this.drawn.removeOn(this.cell.imageId);
  }

  removeMeasurement(id: string): void {
    this.drawn.remove(id);
  }

  known(series: ImageSource): void {
    this.drawn.known(series);
  }

  // ---- state ----------------------------------------------------------------------------------------------------

  state(): ViewerState {
    const { cell } = this;
    return {
      ...stateOf(cell, this.language, this.presets()),
      tool: this.tool,
      layout: this.grid.layout,
      active: this.grid.active,
      filter: cell.series ? this.filterOf(cell.series) : null,
      cine: this.cine.setting,
      linked: this.linking.on,
      mpr: this.spatial.mpr.on,
      curve: this.spatial.curveState(this.tool === 'curve'),
      rendering: this.solid.state,
      removed: this.treated.removedFrom(cell.series),
      point: this.spatial.place ? [...this.spatial.place.at] : null,
    };
  }

  changed(cell: Cell): void {
    this.solid.check();
    if (cell === this.cell) this.telling.changed();
  }

  shown(cell: Cell): void {
    this.linking.entered(cell);
    if (cell.series) this.telling.emit('shown', { ...cell.series.key, index: cell.index, cell: this.cells.indexOf(cell) });
  }

  failed(cell: Cell, words: string): void {
    if (cell.series) this.telling.emit('failed', { ...cell.series.key, words, cell: this.cells.indexOf(cell) });
  }

  retry(cell: Cell): void {
    if (!cell.series) return;
    const { study, series } = cell.series.key;
    const info = this.described.of(cell);
    this.show({ study, series, cell: this.cells.indexOf(cell), ...(info ? { info } : {}) });
  }

  on<E extends keyof ViewerEvents>(event: E, handler: (value: ViewerEvents[E]) => void): () => void {
    return this.telling.on(event, handler);
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.telling.end();
    this.sizes.disconnect();
    this.endDrops();
    this.lost.dispose();
    this.stopDrawing();
    this.cine.stop();
    this.labelling.dispose();
    this.guide.dispose();
    this.drawn.dispose();
    this.solid.close();
    this.grid.dispose();
    dropToolGroup(this.id);
    this.engine.destroy();
    viewers.delete(this);
    removeSources((imageId) => imageId.startsWith(`px:${this.id}/`));
    store.release(this.id);
    this.telling.forget();
    this.root.remove();
  }
}

export function mountViewer(el: HTMLElement, options: ViewerOptions = {}): Viewer {
  return start().webgl ? new GridViewer(el, options) : new UnsupportedViewer(el, options);
}

/** What the page holds in memory; for tests and the operator's page. */
export function storeFacts(): { series: number; bytes: number; images: number; cached: number; viewers: number } {
  return { series: store.size, bytes: store.bytes, images: sourceCount(), cached: cache.getCacheSize(), viewers: viewers.size };
}
