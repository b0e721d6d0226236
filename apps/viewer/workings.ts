/** What one viewer is made of and how it hangs together: the grid and its cells, and the parts that act on them. What a page or a key asks of it is in `acts/`. */
import type { RenderingEngine } from '@cornerstonejs/core';
import type { ShowRequest, ViewerOptions } from './api';
import { Cell } from './cell';
import { Cine } from './cine';
import { Described } from './described';
import { Dialog } from './dialog';
import { Drawn } from './drawn';
import { acceptDrops } from './dropping';
import { activate, cancelDrawing, dropToolGroup, finishDrawing, isDrawing, makeEngine, makeToolGroup, store, type ToolGroup, type ToolName } from './engine';
import { Grid } from './grid';
import { Guide } from './guide';
import { Hung, type HungRequest } from './hanging/hung';
import { keyImagesFrom, type KeyImage } from './keyimages';
import { KeyImageMaker } from './keymaking';
import { Labelling } from './labelling';
import { isLayout, type LayoutName } from './layout';
import { Linking } from './linking';
import { removeSources } from './loader';
import { LostGraphics } from './lost';
import { Opening } from './opening';
import type { ShownOverlay } from './overlays/overlay';
import { Planes } from './overlays/planes';
import { PresetList } from './presetlist';
import { Rendering } from './rendering/rendering';
import type { ImageSource } from './source';
import { Spatial } from './spatial';
import { viewerState } from './state';
import type { Series } from './store';
import { adoptStyle } from './style';
import { Surroundings } from './surroundings';
import { Telling } from './telling';
import { ALL, Toolset } from './toolset';
import { Treated } from './treated';
import { TrueSize } from './truesize';
import type { CurveDrawing } from './volume/curved/drawing';
import { say, type Language } from './words';

let counter = 0;

export class Workings {
  readonly id = `v${(counter += 1).toString(36)}`;
  engine: RenderingEngine;
  readonly group: ToolGroup;
  readonly corners: ViewerOptions['corners'];
  language: Language;
  readonly author: string;
  readonly root = document.createElement('div');
  readonly base: string;
  readonly grid: Grid<Cell>;
  readonly described: Described;
  tools: Toolset;
  tool: ToolName;
  private cellNumber = 0;
  readonly telling: Telling;
  readonly presets: PresetList;
  readonly drawn: Drawn;
  readonly dialog = new Dialog(this.root);
  readonly size = new TrueSize(this.root, this.dialog, { language: () => this.language, zoom: (mmPerPixel) => this.cell.framing.showTrueSize(mmPerPixel) });
  private readonly labelling: Labelling;
  readonly guide = new Guide(this.root, () => this.language);
  readonly spatial: Spatial;
  readonly solid: Rendering;
  readonly linking = new Linking({ cells: () => this.cells, active: () => this.grid.active });
  readonly cine = new Cine(
    () => {
      const { cell } = this;
      return { count: () => cell.count, index: () => cell.goal, ready: (position) => cell.ready(position), show: (position) => cell.scrollTo(position) };
    },
    () => this.telling.changed(),
  );
  keyImages: readonly KeyImage[] = [];
  readonly keyMaker = new KeyImageMaker({
    language: () => this.language,
    author: () => this.author,
    cell: () => this.cell,
    rendered: (cell) => this.solid.shownIn === cell,
    settle: () => {
      this.cine.stop();
      this.stopDrawing();
      this.drawn.calm();
    },
    made: (made) => {
      this.setKeyImages([...this.keyImages, made.image]);
      this.telling.emit('keyImage', made);
      this.telling.emit('keyImages', [...this.keyImages]);
    },
    failed: (words) => this.telling.emit('keyImageFailed', words),
  });
  readonly treated = new Treated(() => this.cells);
  readonly hung = new Hung({
    cells: () => this.cells,
    active: () => this.grid.active,
    layout: () => this.grid.layout,
    linked: () => this.linking.on,
    arrange: (layout, active) => this.arrange(layout, active),
    show: (request, cell) => {
      this.opening.put(request, cell);
      this.solid.check();
    },
    link: (on) => this.link(on),
    rendered: () => this.solid.shownIn,
    render: (cell, as) => {
      this.solid.openIn(cell);
      if (as?.made === 'rendering') this.solid.change({ seen: as });
    },
  });
  private readonly opening: Opening;
  foreign: ShownOverlay | null = null;
  readonly planes: Planes;
  private disposed = false;
  private readonly sizes: ResizeObserver;
  private readonly endDrops: () => void;
  private readonly lost: LostGraphics;

  constructor(parent: HTMLElement, options: ViewerOptions) {
    this.language = options.lang ?? 'zh';
    this.author = options.author ?? '';
    this.base = options.base ?? '/services/images';
    this.described = new Described(this.base);
    this.planes = new Planes(this.base, (source) => this.planesChanged(source));
    this.opening = new Opening({
      id: this.id,
      base: this.base,
      described: this.described,
      treated: this.treated,
      spatial: () => this.spatial,
      drawsCurves: () => this.tools.allowsTool('curve'),
      drawCurve: (cell) => {
        this.grid.setActive(this.cells.indexOf(cell));
        this.take('curve');
      },
    });
    this.telling = new Telling(() => viewerState(this), options.onState);
    this.corners = options.corners;
    this.tools = new Toolset(options.tools ?? [ALL]);
    this.tool = this.given(options.tool ?? 'window');
    this.presets = new PresetList({ described: this.described, offered: () => this.tools.has('presets') });
    this.solid = new Rendering({
      language: () => this.language,
      cells: () => this.cells,
      active: () => this.cell,
      place: () => this.spatial.place,
      setPlace: (place) => this.spatial.setPlace(place),
      removal: (base) => this.treated.removalOf(base),
      changed: () => this.telling.changed(),
    });
    const around = new Surroundings(this);
    this.grid = new Grid(
      {
        root: this.root,
        make: () => new Cell(around, `${this.id}-c${(this.cellNumber += 1)}`),
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
    this.endDrops = acceptDrops(
      this.root,
      (target) => this.grid.at(target),
      (series, cell) => {
        this.grid.setActive(cell);
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
      author: () => this.author,
      proposal: (now) => this.telling.emit('proposal', now),
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
        cells: () => this.cells,
        active: () => this.grid.active,
        layout: () => this.grid.layout,
        arrange: (layout, active) => this.arrange(layout, active),
        put: (cell, source, { info, ...request }) => {
          this.described.take(cell, info);
          cell.show(source, request);
        },
        removal: (base) => this.treated.removalOf(base),
        oblique: () => this.tools.has('oblique'),
      },
      () => {
        this.solid.refresh();
        this.telling.changed();
      },
    );
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.root);
    this.grid.arrange();
  }

  get cells(): readonly Cell[] {
    return this.grid.cells;
  }

  /** The active one. */
  get cell(): Cell {
    return this.grid.cell;
  }

  /** Whether a series is on the screen, or comes back to it. */
  shows(series: Series): boolean {
    return this.cells.some((cell) => cell.series?.base === series) || this.spatial.mpr.holds(series);
  }

  resize(): void {
    if (!this.disposed) this.grid.resize();
  }

  private arrange(layout: LayoutName, active: number): void {
    this.grid.setLayout(layout);
    this.grid.setActive(active);
  }

  /** Everything that lives in the graphics device, anew. */
  private renew(): void {
    this.stopDrawing();
    for (const cell of this.cells) cell.disable();
    this.engine.destroy();
    this.engine = makeEngine(this.id);
    this.grid.resize();
  }

  // ---- series ---------------------------------------------------------------------------------------------------

  show(request: HungRequest & Pick<ShowRequest, 'cell'>): void {
    this.leaveComputed();
    if (request.cell !== undefined && this.cells[request.cell]) this.grid.setActive(request.cell);
    this.hung.put(this.cell, request);
  }

  /** Other images come: what was computed of these goes. */
  leaveComputed(): void {
    this.cine.stop();
    this.spatial.toggleMpr(false, false);
    this.dropCurve();
  }

  link(on: boolean): void {
    this.linking.set(on);
    this.telling.changed();
  }

  // ---- tools ----------------------------------------------------------------------------------------------------

  /** A tool the user has: scrolling is everybody's. */
  given(tool: ToolName): ToolName {
    return this.tools.allowsTool(tool) ? tool : 'scroll';
  }

  /** Puts a tool in hand. */
  take(tool: ToolName): void {
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

  /** The reader's curve, while its tool is in hand. */
  get curveInHand(): CurveDrawing | null {
    return this.tool === 'curve' ? this.spatial.curve : null;
  }

  /** Without planes there is nothing to draw a curve on. */
  dropCurve(): void {
    if (this.tool === 'curve' && !this.spatial.mpr.on) this.take(this.given('window'));
  }

  /** What is half drawn goes: its other half would be of another image, or of nothing. */
  stopDrawing(): void {
    this.dialog.cancel();
    this.size.cancel();
    this.drawn.drop(cancelDrawing(this.group, this.cells.map((cell) => cell.stage)));
  }

  setKeyImages(list: readonly Partial<KeyImage>[]): void {
    this.keyImages = keyImagesFrom(list);
    for (const cell of this.cells) cell.refresh();
  }

  /** Overlay planes of one series, or of all, changed. */
  planesChanged(source: ImageSource | null): void {
    for (const cell of this.cells) {
      if (!cell.series || (source && cell.series.base !== source)) continue;
      cell.drawForeign();
      cell.refresh();
    }
    this.telling.changed();
  }

  /** False when that was done before. */
  dispose(): boolean {
    if (this.disposed) return false;
    this.disposed = true;
    // There is one such click in a page: held back any longer it would swallow the first one in the next viewer.
    for (const cell of this.cells) cell.pointer.settleClick();
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
    removeSources((imageId) => imageId.startsWith(`px:${this.id}/`));
    store.release(this.id);
    this.telling.forget();
    this.root.remove();
    return true;
  }
}
