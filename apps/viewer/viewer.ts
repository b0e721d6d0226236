/** The viewer: a grid of cells, tools, keys, measurements, and the state a page or a kernel sees. */
import { cache, type RenderingEngine } from '@cornerstonejs/core';
import type { CprChange, CurveState, LayoutName, SeriesRef, ShowRequest, Viewer, ViewerEvents, ViewerOptions, ViewerState, WindowSetting } from './api';
import { Cell } from './cell';
import type { CellHost } from './cellhost';
import { Cine, type CineSetting } from './cine';
import type { CaseInfo } from './corners';
import { Drawn } from './drawn';
import { acceptDrops } from './dropping';
import { activate, cancelDrawing, dropToolGroup, finishDrawing, isDrawing, makeEngine, makeToolGroup, start, store, TOOLS, type ToolGroup, type ToolName } from './engine';
import { press } from './keys';
import { isFilter, type FilterSetting } from './filter';
import { spaceOf } from './geometry';
import { gridOf, isLayout, nextLayout } from './layout';
import type { Shapes } from './lines';
import { Linking } from './linking';
import { imageIdOf, removeSources, sourceCount } from './loader';
import type { Measurement } from './measurements';
import { automaticChoice, presetsOf, type Choice, type OwnPreset, type Preset, type SeriesFacts } from './presets';
import { lutName } from './lut';
import { nextGamma } from './curve';
import type { Series } from './store';
import type { ImageSource } from './source';
import { Spatial } from './spatial';
import { adoptStyle } from './style';
import { caseInfo } from './summary';
import { UnsupportedViewer } from './unsupported';
import { ANGLES, Cpr } from './volume/curved/cpr';
import { Reformat, type Slab } from './volume/reformat';
import { windowFunction } from './window';
import { say, type Language } from './words';

const REST = 500; // ms

let counter = 0;
const viewers = new Set<GridViewer>();
store.inUse = (series) => [...viewers].some((viewer) => viewer.shows(series));

class GridViewer implements Viewer, CellHost {
  readonly id = `v${(counter += 1).toString(36)}`;
  readonly engine: RenderingEngine;
  readonly group: ToolGroup;
  readonly corners: ViewerOptions['corners'];
  language: Language;
  author: string;
  private readonly root = document.createElement('div');
  private readonly base: string;
  private readonly onState: ViewerOptions['onState'];
  private cells: Cell[] = [];
  private active = 0;
  tool: ToolName;
  private layoutName: LayoutName;
  private cellNumber = 0;
  private readonly handlers = new Map<keyof ViewerEvents, Set<(value: never) => void>>();
  private readonly given = new WeakMap<Cell, CaseInfo>();
  /** Cells whose series is described as far as it ever will be. */
  private readonly described = new WeakSet<Cell>();
  private own: readonly OwnPreset[] = [];
  private stateFrame = 0;
  private readonly drawn: Drawn;
  private readonly spatial: Spatial;
  private readonly linking = new Linking({ cells: () => this.cells, active: () => this.active });
  private readonly cine = new Cine(
    () => {
      const { cell } = this;
      return { count: () => cell.count, index: () => cell.goal, ready: (position) => cell.ready(position), show: (position) => cell.scrollTo(position) };
    },
    () => this.tellState(),
  );
  /** By series: what is drawn of it in every cell. */
  private readonly filters = new Map<string, FilterSetting>();
  private disposed = false;
  private readonly sizes: ResizeObserver;
  private readonly endDrops: () => void;

  constructor(parent: HTMLElement, options: ViewerOptions) {
    this.language = options.lang ?? 'zh';
    this.author = options.author ?? '';
    this.base = options.base ?? '/services/images';
    this.onState = options.onState;
    this.corners = options.corners;
    this.tool = options.tool ?? 'window';
    this.layoutName = isLayout(options.layout) ? options.layout : '1x1';
    adoptStyle(parent);
    this.root.className = 'px-viewer';
    this.root.tabIndex = 0;
    this.root.setAttribute('role', 'application');
    this.root.setAttribute('aria-label', say('viewer', this.language));
    this.root.addEventListener('keydown', this.keyDown);
    this.root.addEventListener('pointerdown', this.pointerDown, true);
    this.endDrops = acceptDrops(
      this.root,
      (target) => this.cells.findIndex((cell) => cell.root.contains(target)),
      (series, cell) => {
        this.setActive(cell);
        this.emit('dropped', { ...series, cell: this.active });
      },
    );
    parent.append(this.root);
    this.engine = makeEngine(this.id);
    this.group = makeToolGroup(this.id);
    activate(this.group, this.tool);
    this.drawn = new Drawn({
      id: this.id,
      shown: () => this.cells.map((cell) => cell.series).filter((series) => series !== null),
      render: () => this.cells.forEach((cell) => cell.render()),
      busy: () => isDrawing(this.group),
      changed: (list) => this.emit('measurements', list),
    });
    this.spatial = new Spatial(
      {
        cells: () => this.cells,
        active: () => this.active,
        layout: () => this.layoutName,
        arrange: (layout, active) => {
          this.setLayout(layout);
          this.setActive(active);
        },
        put: (cell, source, { info, grey, index }) => {
          cell.info = info;
          this.described.add(cell);
          cell.show(source, { ...(index === undefined || index < 0 ? {} : { index }), ...(grey ? { grey } : {}) });
        },
      },
      () => this.tellState(),
    );
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.root);
    viewers.add(this);
    this.arrange();
  }

  // ---- grid -----------------------------------------------------------------------------------------------------

  private arrange(): void {
    const { columns, rows } = gridOf(this.layoutName);
    const wanted = columns * rows;
    // The active cell keeps its picture when the grid shrinks.
    while (this.cells.length > wanted) {
      const last = this.cells.length - 1;
      const [gone] = this.cells.splice(this.active === last ? last - 1 : last, 1);
      gone?.dispose();
      this.active = Math.min(this.active, this.cells.length - 1);
    }
    while (this.cells.length < wanted) {
      const cell = new Cell(this, `${this.id}-c${(this.cellNumber += 1)}`);
      this.cells.push(cell);
      this.root.append(cell.root);
    }
    this.root.dataset['cells'] = String(wanted);
    this.root.style.gridTemplate = `repeat(${rows}, minmax(0, 1fr)) / repeat(${columns}, minmax(0, 1fr))`;
    this.setActive(this.active);
    this.resize();
  }

  resize(): void {
    if (this.disposed) return;
    for (const cell of this.cells) cell.enable();
    if (this.root.clientWidth > 1 && this.root.clientHeight > 1) this.engine.resize(true, true);
    for (const cell of this.cells) cell.resized();
  }

  setLayout(layout: LayoutName): void {
    if (!isLayout(layout) || layout === this.layoutName) return;
    this.layoutName = layout;
    this.arrange();
    this.tellState();
  }

  setActive(cell: number): void {
    this.active = Math.min(Math.max(0, cell), this.cells.length - 1);
    this.linking.lead();
    this.cells.forEach((one, position) => {
      one.root.classList.toggle('px-active', position === this.active);
      one.root.setAttribute('aria-label', `${say('cell', this.language)} ${position + 1}`);
    });
    this.tellState();
  }

  private get cell(): Cell {
    return this.cells[this.active] as Cell;
  }

  shows(series: Series): boolean {
    return this.cells.some((cell) => cell.series?.base === series) || this.spatial.mpr.holds(series);
  }

  // ---- series ---------------------------------------------------------------------------------------------------

  show(request: ShowRequest): void {
    this.cine.stop();
    this.spatial.toggleMpr(false, false);
    if (request.cell !== undefined && this.cells[request.cell]) this.setActive(request.cell);
    const { cell } = this;
    const series = store.show(this.base, { study: request.study, series: request.series }, this.id);
    this.given.set(cell, request.info ?? {});
    cell.info = request.info ?? {};
    this.described.delete(cell);
    cell.show(request.plane ? new Reformat(series, { name: request.plane }) : series, {
      ...(request.index === undefined ? {} : { index: request.index }),
      ...(request.frames === undefined ? {} : { frames: request.frames }),
      ...(request.window === undefined ? {} : { window: { ...request.window, function: windowFunction(request.window.function) } }),
    });
    void this.completeInfo(cell, series);
  }

  private async completeInfo(cell: Cell, series: Series): Promise<void> {
    const read = await caseInfo(this.base, series.key.study, series.key.series);
    if (cell.series?.base !== series || this.disposed) return;
    const given = this.given.get(cell) ?? {};
    // What was given holds; what was given as unknown does not hide what was read.
    const known = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null && value !== undefined)) as CaseInfo;
    cell.info = { ...read, ...known, patient: { ...read.patient, ...given.patient } };
    this.described.add(cell);
    cell.applyAutomatic();
    cell.refresh();
  }

  setInfo(info: CaseInfo): void {
    const { cell } = this;
    const given = { ...this.given.get(cell), ...info };
    this.given.set(cell, given);
    cell.info = { ...cell.info, ...info, patient: { ...cell.info.patient, ...info.patient } };
    cell.refresh();
  }

  prefetch(series: SeriesRef | SeriesRef[]): void {
    for (const one of Array.isArray(series) ? series : [series]) store.prefetch(this.base, { study: one.study, series: one.series }, this.id);
  }

  clear(): void {
    this.stopDrawing();
    this.cine.stop();
    this.filters.clear();
    this.spatial.toggleMpr(false, false);
    this.spatial.place = null;
    this.cells.forEach((cell) => cell.empty());
    this.tellState();
  }

  // ---- what the reader does ---------------------------------------------------------------------------------------

  setTool(tool: ToolName): void {
    if (!TOOLS.includes(tool)) return;
    this.stopDrawing();
    // A curve is drawn on planes.
    if (tool === 'curve') this.spatial.toggleMpr(true);
    this.tool = tool;
    this.root.dataset['tool'] = tool;
    activate(this.group, tool);
    this.tellState();
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

  setGamma(gamma: number): void {
    if (Number.isFinite(gamma)) this.cell.setGamma(gamma);
  }

  setPresets(presets: OwnPreset[]): void {
    this.own = presets;
    this.cells.forEach((cell) => cell.applyAutomatic());
    this.tellState();
  }

  automatic(cell: Cell): Choice | null {
    const facts = this.facts(cell);
    // A preset for a description that is still to come might stand before the one that fits without it.
    return this.described.has(cell) || (facts.modality !== null && facts.description !== null) ? automaticChoice(facts, this.own) : null;
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
    this.spatial.straighten();
    this.setFilter(null);
    this.cell.reset();
  }

  mpr(on?: boolean): void {
    this.spatial.toggleMpr(on);
  }

  setSlab(slab: Slab | null): void {
    const { series: source } = this.cell;
    const thick = slab && slab.thickness > 0 ? slab : null;
    if (source instanceof Reformat) this.cell.replace(source.with({ slab: thick }));
    else if (source instanceof Cpr) this.cell.replace(source.with({ slab: thick }));
  }

  setCurve(points: [number, number, number][] | null): void {
    const planes = this.cells.map((cell) => spaceOf(cell.currentFrame())).filter((space) => space !== null);
    if (points?.some((point) => !point.every(Number.isFinite))) return;
    if (points === null || (this.spatial.mpr.on && planes[0] !== undefined)) this.spatial.curve.set(points ?? [], planes[0] ?? null);
  }

  finishCurve(): void {
    this.spatial.curve.finish();
  }

  setCpr(change: CprChange): void {
    this.spatial.curve.shape(change);
    const cell = this.cells.find(({ series }) => series instanceof Cpr);
    if (change.angle !== undefined && Number.isFinite(change.angle)) cell?.scrollTo(((Math.round(change.angle) % ANGLES) + ANGLES) % ANGLES);
  }

  setPoint(at: [number, number, number]): void {
    const space = this.spatial.spaceOf(this.cell);
    if (space && at.every(Number.isFinite)) this.spatial.setPlace({ at, space });
  }

  play(setting: CineSetting | null): void {
    if (setting && Number.isFinite(setting.fps)) this.cine.play(setting);
    else this.cine.stop();
  }

  setLinked(on: boolean): void {
    this.linking.set(on);
    this.tellState();
  }

  /** Of the active cell's series, in every cell that shows it. */
  setFilter(filter: FilterSetting | null): void {
    const source = this.cell.series;
    if (!source || (filter !== null && !isFilter(filter))) return;
    const before = this.filterOf(source);
    if (before?.name === filter?.name && before?.strength === filter?.strength) return;
    if (filter) this.filters.set(source.key.series, { ...filter });
    else this.filters.delete(source.key.series);
    for (const cell of this.cells) if (cell.series?.base === source.base) cell.reload();
    this.tellState();
  }

  filterOf(source: ImageSource): FilterSetting | null {
    return this.filters.get(source.key.series) ?? null;
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
    const prefix = imageIdOf(this.id, source, 0).replace(/0$/, '');
    // Not before the next picture is on the screen: Cornerstone may still draw the old one.
    window.setTimeout(() => removeSources((imageId) => imageId.startsWith(prefix)), REST);
  }

  scrollTo(index: number): void {
    this.cell.scrollTo(index);
  }

  valueAt(point: [number, number], index?: number): number | number[] | null {
    return this.cell.valueAt(point, index).value;
  }

  screenOf(point: [number, number]): { x: number; y: number } | null {
    return this.cell.screenOf(point);
  }

  canvas(cell = this.active): HTMLCanvasElement | null {
    return this.cells[cell]?.canvas ?? null;
  }

  setLanguage(lang: Language): void {
    this.language = lang;
    this.root.setAttribute('aria-label', say('viewer', lang));
    this.drawn.reword();
    for (const cell of this.cells) {
      if (cell.series) {
        cell.refresh();
        cell.render();
      } else cell.empty();
    }
    this.setActive(this.active);
  }

  private readonly pointerDown = (event: PointerEvent): void => {
    const position = this.cells.findIndex((cell) => cell.root.contains(event.target as Node));
    if (position >= 0 && position !== this.active) this.setActive(position);
    this.root.focus({ preventScroll: true });
  };

  private readonly keyDown = (event: KeyboardEvent): void => {
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement) return;
    const done = press(event, {
      tool: (name) => this.setTool(name),
      scroll: (images) => this.cell.scrollBy(images),
      end: (last) => this.cell.scrollTo(last ? this.cell.count - 1 : 0),
      preset: (position) => {
        const preset = this.presets()[position];
        if (preset) this.preset(preset.id);
      },
      reset: () => this.reset(),
      invert: () => this.invert(),
      gamma: (step) => this.setGamma(nextGamma(this.cell.grey.gamma, step)),
      rotate: (degrees) => this.rotate(degrees),
      flip: (axis) => this.flip(axis),
      layout: () => this.setLayout(nextLayout(this.layoutName)),
      mpr: () => this.mpr(),
      cine: () => this.play(this.cine.setting ? null : { fps: 10, mode: 'forward' }),
      link: () => this.setLinked(!this.linking.on),
      remove: () => {
        if (this.tool !== 'curve' || !this.spatial.curve.remove()) this.drawn.removeOn(this.cell.imageId);
      },
      zoom: (factor) => this.cell.zoomBy(factor),
      undo: () => this.undo(),
      cancel: () => {
        const busy = isDrawing(this.group);
        this.stopDrawing();
        if (busy || this.tool !== 'curve') return busy;
        // An unfinished curve goes; a finished one stays, and the hand lets go of the tool.
        if (!this.spatial.curve.finished && this.spatial.curve.remove()) return true;
        return false;
      },
      finish: () => {
        const drawing = isDrawing(this.group);
        finishDrawing(this.group, this.cells.map((cell) => cell.stage));
        return drawing || (this.tool === 'curve' && this.spatial.curve.finish());
      },
      redo: () => this.redo(),
    });
    if (!done) return;
    event.preventDefault();
    event.stopPropagation();
  };

  // ---- measurements ---------------------------------------------------------------------------------------------

  /** What is half drawn goes: its other half would be of another image, or of nothing. */
  stopDrawing(): void {
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
    if (this.tool !== 'curve' || !this.spatial.curve.undo()) this.drawn.undo();
  }

  redo(): void {
    this.stopDrawing();
    if (this.tool !== 'curve' || !this.spatial.curve.redo()) this.drawn.redo();
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
    const { series } = cell;
    const modality = cell.info.modality ?? null;
    return {
      study: series?.key.study ?? null,
      series: series?.key.series ?? null,
      modality,
      index: cell.index,
      count: cell.count,
      loaded: series?.loaded ?? 0,
      phase: series?.phase ?? 'empty',
      window: cell.grey.lut ? null : cell.getWindow(),
      lut: cell.grey.lut ? lutName(cell.grey.lut) : null,
      gamma: cell.grey.gamma,
      inverted: cell.inverted,
      ...cell.view(),
      tool: this.tool,
      layout: this.layoutName,
      active: this.active,
      filter: series ? this.filterOf(series) : null,
      cine: this.cine.setting,
      linked: this.linking.on,
      mpr: this.spatial.mpr.on,
      plane: cell.currentFrame()?.plane?.name ?? null,
      slab: series instanceof Reformat || series instanceof Cpr ? (series.setting.slab ?? null) : null,
      curve: this.curveState(),
      point: this.spatial.place ? [...this.spatial.place.at] : null,
      warnings: cell.warnings(),
      presets: this.presets().map(({ id, zh, en, own }) => ({ id, label: this.language === 'zh' ? zh : en, own: own ?? false })),
      description: cell.info.series_description ?? null,
    };
  }

  private curveState(): CurveState | null {
    const { curve, mpr } = this.spatial;
    if (!mpr.on || (curve.points.length === 0 && this.tool !== 'curve')) return null;
    const shown = this.cells.find(({ series }) => series instanceof Cpr);
    return { points: curve.points.map(([x, y, z]) => [x, y, z]), length: curve.curve?.length ?? null, mode: curve.mode, width: curve.width, angle: shown ? Math.max(0, shown.index) : null };
  }

  changed(cell: Cell): void {
    if (cell === this.cells[this.active]) this.tellState();
  }

  private tellState(): void {
    if (this.stateFrame || this.disposed) return;
    this.stateFrame = requestAnimationFrame(() => {
      this.stateFrame = 0;
      if (this.disposed) return;
      const state = this.state();
      this.onState?.(state);
      this.emit('state', state);
    });
  }

  shown(cell: Cell): void {
    this.linking.entered(cell);
    if (cell.series) this.emit('shown', { ...cell.series.key, index: cell.index, cell: this.cells.indexOf(cell) });
  }

  failed(cell: Cell, words: string): void {
    if (cell.series) this.emit('failed', { ...cell.series.key, words, cell: this.cells.indexOf(cell) });
  }

  retry(cell: Cell): void {
    if (!cell.series) return;
    const { study, series } = cell.series.key;
    const info = this.given.get(cell);
    this.show({ study, series, cell: this.cells.indexOf(cell), ...(info ? { info } : {}) });
  }

  on<E extends keyof ViewerEvents>(event: E, handler: (value: ViewerEvents[E]) => void): () => void {
    const handlers = this.handlers.get(event) ?? new Set();
    this.handlers.set(event, handlers);
    handlers.add(handler as (value: never) => void);
    return () => handlers.delete(handler as (value: never) => void);
  }

  private emit<E extends keyof ViewerEvents>(event: E, value: ViewerEvents[E]): void {
    for (const handler of [...(this.handlers.get(event) ?? [])]) (handler as (value: ViewerEvents[E]) => void)(value);
  }

  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    cancelAnimationFrame(this.stateFrame);
    this.sizes.disconnect();
    this.endDrops();
    this.stopDrawing();
    this.cine.stop();
    this.drawn.dispose();
    for (const cell of this.cells) cell.dispose();
    this.cells = [];
    dropToolGroup(this.id);
    this.engine.destroy();
    viewers.delete(this);
    removeSources((imageId) => imageId.startsWith(`px:${this.id}/`));
    store.release(this.id);
    this.handlers.clear();
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
