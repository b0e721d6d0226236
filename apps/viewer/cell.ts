/** One view of the grid: one series, its image on the screen, its window, and what lies over it. */
import { Enums, type Types } from '@cornerstonejs/core';
import { Camera, type View } from './camera';
import type { CellHost, CellRequest } from './cellhost';
import type { CaseInfo } from './corners';
import { Display } from './display';
import { start } from './engine';
import type { Frame } from './frame';
import { offPlane, spaceOf, toIndex, toWorld } from './geometry';
import type { Vector } from './orientation';
import { addSource, forgetImages, imageIdOf } from './loader';
import { failureNotice } from './notices';
import type { Line } from './lines';
import type { Lens } from './magnifier';
import { Overlay } from './overlay';
import type { FramePixels } from './pixels';
import { Pointer } from './pointer';
import { probeFrame, type Probe } from './measure/probe';
import type { ImageSource, SourceEvent } from './source';
import { setCell, type ToolCell } from './tools/cells';
import type { Choice } from './presets';
import type { ImageActor } from './transfer';
import { Cpr } from './volume/curved/cpr';
import { placeOnCpr } from './volume/curved/drawing';
import type { Window } from './window';
import { say, warningText } from './words';

export class Cell implements ToolCell {
  readonly root = document.createElement('div');
  readonly stage = document.createElement('div');
  private readonly overlay: Overlay;
  private camera: Camera | null = null;
  private viewport: Types.IStackViewport | null = null;
  series: ImageSource | null = null;
  info: CaseInfo = {};
  /** Frame indexes of the series in the order they are scrolled. */
  private positions: number[] = [];
  /** What is on the screen, and what was asked for (they differ while an image is on its way). */
  private shownAt = -1;
  private wanted = 0;
  private readonly display = new Display();
  private readonly pointer: Pointer;
  private turn = 0;
  private writing = 0;
  private stop: (() => void) | null = null;
  private request: CellRequest = {};
  /** Whether a preset may still apply by itself: until it has, or the reader has done something to the greys. */
  private expecting = false;

  constructor(
    private readonly host: CellHost,
    readonly viewportId: string,
  ) {
    this.root.className = 'px-cell';
    this.root.setAttribute('role', 'group');
    this.stage.className = 'px-stage px-hidden';
    this.root.append(this.stage);
    this.overlay = new Overlay(this.root, host.corners);
    setCell(this.stage, this);
    this.stage.addEventListener(Enums.Events.STACK_NEW_IMAGE, this.newImage);
    this.stage.addEventListener(Enums.Events.CAMERA_MODIFIED, this.cameraMoved);
    this.pointer = new Pointer(this, host);
    this.empty();
  }

  get author(): string {
    return this.host.author;
  }

  get count(): number {
    return this.positions.length;
  }

  /** The position asked for last; `index` follows when its image is on the screen. */
  get goal(): number {
    return this.wanted;
  }

  get index(): number {
    return this.shownAt;
  }

  /** Gives the cell its canvas; only when it has a size (Cornerstone cannot start on nothing). */
  enable(): void {
    if (this.viewport || this.root.clientWidth < 2 || this.root.clientHeight < 2) return;
    this.host.engine.enableElement({ viewportId: this.viewportId, element: this.stage, type: Enums.ViewportType.STACK, defaultOptions: { background: [0, 0, 0] } });
    // The viewer has the focus: with it on this element Cornerstone would keep every key from the page.
    this.stage.removeAttribute('tabindex');
    this.viewport = this.host.engine.getViewport(this.viewportId) as Types.IStackViewport;
    this.camera = new Camera(this.viewport);
    this.host.group.addViewport(this.viewportId, this.host.engine.id);
    if (this.series) void this.open(this.turn);
  }

  dispose(): void {
    this.turn += 1;
    cancelAnimationFrame(this.writing);
    this.stop?.();
    this.stage.removeEventListener(Enums.Events.STACK_NEW_IMAGE, this.newImage);
    this.stage.removeEventListener(Enums.Events.CAMERA_MODIFIED, this.cameraMoved);
    if (this.viewport) {
      this.host.group.removeViewports(this.host.engine.id, this.viewportId);
      this.host.engine.disableElement(this.viewportId);
      this.viewport = null;
      this.camera = null;
    }
    this.root.remove();
  }

  /** Nothing in this cell. */
  empty(): void {
    this.leave();
    this.overlay.setNotice({ title: say('empty', this.host.language) }, this.host.language);
  }

  show(series: ImageSource, request: CellRequest): void {
    this.host.stopDrawing();
    this.leave();
    this.series = series;
    this.request = request;
    this.expecting = true;
    this.stop = series.listen((event) => this.seriesTold(series, event));
    this.overlay.setWaiting(say('loading', this.host.language));
    const turn = this.turn;
    void this.open(turn);
    this.host.changed(this);
  }

  /**
   * Another computation of what is shown (turned, thicker): the same window, zoom and place, without a moment of emptiness.
   * `at`: the plane nearest to it is shown, LPS mm; without it the one of the same number.
   */
  replace(source: ImageSource, at: Vector | null = null): void {
    const { viewport, series: before } = this;
    const header = source.header;
    if (!viewport || !header || !before || this.shownAt < 0) return this.show(source, this.request);
    this.host.stopDrawing();
    this.host.leaving(before);
    this.turn += 1;
    const { turn } = this;
    this.stop?.();
    this.series = source;
    this.stop = source.listen((event) => this.seriesTold(source, event));
    this.positions = header.frames.map((_, index) => index);
    const off = (position: number): number => (at ? Math.abs(offPlane(source.frame(position), at)) : Math.abs(position - this.shownAt));
    this.wanted = this.positions.reduce((best, position) => (off(position) < off(best) ? position : best), 0);
    const view = this.hidden ? null : viewport.getViewPresentation();
    void viewport.setStack(this.register(source), this.wanted).then(() => {
      if (turn !== this.turn) return;
      // Still about to be shown for the first time: as that would have been.
      if (view) viewport.setViewPresentation(view);
      else viewport.resetCamera();
      this.drawCurve();
      this.unveil(viewport);
      this.host.known(source);
      this.host.changed(this);
    });
  }

  /** Makes the images of a source known to Cornerstone; their ids. */
  private register(source: ImageSource): string[] {
    return this.positions.map((index) => {
      const imageId = imageIdOf(this.host.id, source, index);
      addSource(imageId, source, index, { modality: () => this.info.modality ?? null, language: () => this.host.language, filter: () => this.host.filterOf(source) });
      return imageId;
    });
  }

  /** Draws its images anew from their pixels: what is computed before drawing has changed. */
  reload(): void {
    const { viewport, series } = this;
    if (!viewport || !series || this.shownAt < 0) return;
    const { turn } = this;
    const imageIds = this.register(series);
    void forgetImages(imageIds).then(async () => {
      if (turn !== this.turn) return;
      const view = viewport.getViewPresentation();
      await viewport.setStack(imageIds, this.wanted);
      if (turn !== this.turn) return;
      viewport.setViewPresentation(view);
      this.redraw();
    });
  }

  /** The picture of the case before must never stand under the name of the next: it is hidden at once. */
  private leave(): void {
    this.turn += 1;
    this.stop?.();
    this.stop = null;
    if (this.series) this.host.leaving(this.series);
    this.series = null;
    this.positions = [];
    this.shownAt = -1;
    this.wanted = 0;
    this.display.clear();
    this.pointer.clear();
    this.stage.classList.add('px-hidden');
    this.overlay.clear();
  }

  private async open(turn: number): Promise<void> {
    const { series, viewport } = this;
    if (!series || !viewport || !series.header) {
      if (series?.phase === 'failed' && viewport) this.fail(series.problem);
      else if (series) this.refresh();
      return;
    }
    const { header } = series;
    this.host.known(series);
    const asked = this.request.frames?.filter((index) => index >= 0 && index < header.frames.length);
    this.positions = asked && asked.length > 0 ? asked : header.frames.map((_, index) => index);
    if (this.positions.length === 0) {
      this.overlay.setWaiting('');
      this.overlay.setNotice({ title: say('noFrames', this.host.language), action: say('notRenderable', this.host.language) }, this.host.language);
      this.host.failed(this, say('noFrames', this.host.language));
      return;
    }
    const imageIds = this.register(series);
    const first = await this.firstPosition(series, turn);
    if (turn !== this.turn || first === null) return;
    if (series.phase === 'loading') series.hold(this.drawn());
    this.wanted = first.position;
    const frame = series.frame(this.positions[first.position] as number);
    if (this.tooLarge(frame.columns, frame.rows)) return;
    this.display.open(frame, first.pixels, this.request.window ?? null);
    if (this.request.grey) this.display.takeReaders(this.request.grey, frame);
    else this.applyAutomatic();
    await viewport.setStack(imageIds, first.position);
    if (turn !== this.turn) return;
    viewport.resetCamera();
    this.unveil(viewport);
    this.stage.addEventListener(Enums.Events.IMAGE_RENDERED, () => turn === this.turn && this.host.shown(this), { once: true });
  }

  private get hidden(): boolean {
    return this.stage.classList.contains('px-hidden');
  }

  private unveil(viewport: Types.IStackViewport): void {
    viewport.render();
    this.stage.classList.remove('px-hidden');
    this.overlay.setNotice(null, this.host.language);
    this.overlay.setWaiting('');
    this.refresh();
    this.host.moved(this);
  }

  /** When the next picture is on the screen, but not later than a moment: a hidden page draws nothing. */
  private drawn(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(late);
        this.stage.removeEventListener(Enums.Events.IMAGE_RENDERED, done);
        resolve();
      };
      const late = setTimeout(done, 250);
      this.stage.addEventListener(Enums.Events.IMAGE_RENDERED, done);
    });
  }

  /** The position asked for, else the first of the stream's order that arrives and can be decoded. */
  private async firstPosition(series: ImageSource, turn: number): Promise<{ position: number; pixels: FramePixels } | null> {
    const { index } = this.request;
    const tries = index !== undefined ? [this.positions[clamp(index, this.count)] as number] : (series.header?.order ?? []).filter((one) => this.positions.includes(one));
    let problem: unknown = null;
    for (const one of tries.length > 0 ? tries : this.positions) {
      try {
        const pixels = await series.arrival(one);
        return { position: this.positions.indexOf(one), pixels };
      } catch (failure) {
        problem = failure;
        if (turn !== this.turn || series.phase === 'failed') break;
      }
    }
    if (turn === this.turn) this.fail(problem);
    return null;
  }

  private fail(problem: unknown): void {
    if ((problem as { name?: string } | null)?.name === 'AbortError') return;
    const notice = failureNotice(problem, this.host.language, () => this.host.retry(this));
    this.overlay.setWaiting('');
    this.overlay.setNotice(notice, this.host.language);
    this.host.failed(this, notice.title);
  }

  private tooLarge(columns: number, rows: number): boolean {
    const { largest } = start();
    if (Math.max(columns, rows) <= largest) return false;
    const { language } = this.host;
    this.overlay.setWaiting('');
    this.overlay.setNotice({ title: `${say('tooLarge', language)} (${columns}×${rows} > ${largest})`, action: say('tooLargeHow', language) }, language);
    this.host.failed(this, say('tooLarge', language));
    return true;
  }

  private seriesTold(series: ImageSource, event: SourceEvent): void {
    if (event.type === 'header') {
      if (this.shownAt < 0) void this.open(this.turn);
      this.refresh();
      return;
    }
    if (event.type === 'frame') {
      this.overlay.setProgress(series.loaded, series.total, this.host.language);
      if (this.shownAt >= 0 && this.wanted !== this.shownAt && this.positions[this.wanted] === event.index) this.scrollTo(this.wanted);
    }
    if (event.type === 'phase') {
      if (series.phase === 'failed' && series.header === null) this.fail(series.problem);
      this.refresh();
    }
    this.host.changed(this);
  }

  /** Goes to a position; one that is not here yet is shown when it arrives, and until then the number says so. */
  scrollTo(position: number): void {
    const { series, viewport } = this;
    if (!series || !viewport || this.shownAt < 0) {
      this.request = { ...this.request, index: position };
      return;
    }
    this.host.stopDrawing();
    this.wanted = clamp(position, this.count);
    const index = this.positions[this.wanted] as number;
    const { language } = this.host;
    if (series.broken(index)) {
      this.stage.classList.add('px-hidden');
      this.shownAt = this.wanted;
      this.overlay.setNotice({ title: `${say('image', language)} ${this.wanted + 1}/${this.count}: ${say('undecodable', language)}`, action: say('undecodableHow', language) }, language);
      this.refresh();
      return;
    }
    if (!series.pixels(index)) {
      this.overlay.setWaiting(`${say('loading', language)} ${this.wanted + 1}/${this.count}`);
      this.host.changed(this);
      return;
    }
    this.overlay.setWaiting('');
    if (this.hidden) {
      this.overlay.setNotice(null, language);
      this.stage.classList.remove('px-hidden');
      this.shownAt = this.wanted;
    }
    void viewport.setImageIdIndex(this.wanted);
    this.refresh();
  }

  /** Whether the image of a position is here. */
  ready(position: number): boolean {
    const index = this.positions[position];
    return index !== undefined && this.series !== null && (this.series.variant !== '' ? this.series.phase === 'complete' : this.series.pixels(index) !== null || this.series.broken(index));
  }

  scrollBy(images: number): void {
    // The pictures of a CPR go round its curve.
    const round = this.series instanceof Cpr ? this.count : 0;
    if (this.count > 0) this.scrollTo(round ? (((this.wanted + images) % round) + round) % round : this.wanted + images);
  }

  private readonly newImage = (event: Event): void => {
    const { imageIdIndex } = (event as CustomEvent<{ imageIdIndex: number }>).detail;
    this.shownAt = imageIdIndex;
    const frame = this.currentFrame();
    if (frame) this.display.enter(frame, this.currentPixels());
    // Cornerstone has just put its own curve there: ours goes in before anything is drawn.
    this.drawCurve();
    this.refresh();
    if (!this.hidden) this.host.moved(this);
  };

  private drawCurve(): void {
    const actor = this.viewport?.getDefaultActor()?.actor as ImageActor | undefined;
    const frame = this.currentFrame();
    if (actor && frame) this.display.draw(actor, frame, start().largest);
  }

  /** Cornerstone's name of the image on the screen. */
  get imageId(): string | null {
    const index = this.positions[this.shownAt];
    return this.series && index !== undefined ? imageIdOf(this.host.id, this.series, index) : null;
  }

  currentFrame(): Frame | null {
    return this.frameAt(this.shownAt);
  }

  frameAt(position: number): Frame | null {
    const index = this.positions[position];
    return this.series?.header && index !== undefined ? this.series.frame(index) : null;
  }

  private currentPixels(): FramePixels | null {
    const index = this.positions[this.shownAt];
    return index === undefined ? null : (this.series?.pixels(index) ?? null);
  }

  get inverted(): boolean {
    return this.display.inverted;
  }

  get grey(): Readonly<Display> {
    return this.display;
  }

  /** The reader's own preset for such a series, once, unless the greys are somebody's choice already. */
  applyAutomatic(): void {
    if (!this.expecting || !this.display.window || !this.display.untouched) return;
    const choice = this.host.automatic(this);
    if (choice) this.apply(choice);
  }

  apply(choice: Choice): void {
    this.expecting = false;
    this.display.apply(choice, this.currentFrame(), this.currentPixels());
    if (this.shownAt < 0) return;
    this.redraw();
    this.host.windowed(this);
  }

  /** Holds for every image and every window of the series until reset. */
  setGamma(gamma: number): void {
    this.apply({ gamma });
  }

  /** Window of the reader: holds for every image of the series until reset. */
  setWindow(window: Window): void {
    this.apply({ window });
  }

  /** The greys of a linked view. */
  takeGrey(grey: Readonly<Display>): void {
    this.expecting = false;
    this.display.follow(grey, this.currentFrame());
    this.redraw();
  }

  getWindow(): Window | null {
    return this.display.window;
  }

  openedWindow(): Window | null {
    return this.display.openedFor(this.currentFrame(), this.currentPixels());
  }

  dragWindow(dx: number, dy: number): void {
    this.expecting = false;
    this.display.drag(dx, dy, this.currentFrame()?.samples === 1);
    this.redraw();
    this.host.windowed(this);
  }

  invert(): void {
    this.display.inverted = !this.display.inverted;
    this.redraw();
  }

  rotate(degrees: number): void {
    if (this.shownAt < 0) return;
    this.camera?.rotate(degrees);
    this.refresh();
  }

  flip(axis: 'horizontal' | 'vertical'): void {
    if (this.shownAt < 0) return;
    this.camera?.flip(axis);
    this.refresh();
  }

  /** Window as the request or the header says, no gamma, no inversion; zoom, pan, rotation and mirroring as at the opening. Measurements stay. */
  reset(): void {
    if (!this.viewport || this.shownAt < 0) return;
    this.expecting = false;
    this.display.reset(this.currentFrame(), this.currentPixels());
    this.camera?.straighten();
    this.viewport.resetCamera();
    this.redraw();
  }

  zoomBy(factor: number): void {
    this.camera?.zoomBy(factor);
    this.refresh();
  }

  private redraw(): void {
    this.drawCurve();
    this.viewport?.render();
    this.refresh();
  }

  resized(): void {
    this.enable();
    this.refresh();
  }

  private readonly cameraMoved = (): void => {
    this.refresh();
    this.host.viewed(this);
  };

  /** Zooms by a factor and moves by CSS pixels, as a linked view asks. */
  moveBy(factor: number, pan: readonly [number, number]): void {
    this.camera?.moveBy(factor, pan);
    this.refresh();
  }

  /** Value of a pixel of the image on the screen, or of another position. */
  valueAt(point: readonly [number, number], position = this.shownAt): Probe {
    const index = this.positions[position];
    if (!this.series?.header || index === undefined) return { value: null, text: null, padding: false };
    return probeFrame(this.series, index, point);
  }

  /** Where a pixel is on the screen: CSS pixels within the page's window. */
  screenOf(point: readonly [number, number]): { x: number; y: number } | null {
    const frame = this.currentFrame();
    if (!frame || !this.viewport) return null;
    const box = this.stage.getBoundingClientRect();
    const [x, y] = this.viewport.worldToCanvas(toWorld(frame, point));
    return { x: box.left + x, y: box.top + y };
  }

  /** Place of the patient under a point of the cell (CSS pixels), LPS mm. */
  worldAt(canvas: readonly [number, number]): Vector | null {
    const frame = this.currentFrame();
    // By way of the image: the camera may still stand at the plane of the one before.
    return this.viewport && frame ? toWorld(frame, toIndex(frame, this.viewport.canvasToWorld([canvas[0], canvas[1]]))) : null;
  }

  /** As `worldAt`, where the image has a place in the patient at all; on a curved picture that of its surface. */
  patientAt(canvas: readonly [number, number]): Vector | null {
    if (this.series instanceof Cpr) return placeOnCpr(this, this.series, canvas);
    return spaceOf(this.currentFrame()) === null ? null : this.worldAt(canvas);
  }

  /** Where a place of the patient falls on the cell, CSS pixels. */
  canvasOf(at: Vector): readonly [number, number] | null {
    const frame = this.currentFrame();
    return this.viewport && frame ? this.viewport.worldToCanvas(toWorld(frame, toIndex(frame, at))) : null;
  }

  lines(): Line[] {
    return this.host.linesOn(this).lines;
  }

  /** What the magnifier shows. */
  lens(): Lens | null {
    const [frame, pixels] = [this.currentFrame(), this.currentPixels()];
    const grey = frame && this.display.greyer(frame);
    return frame && pixels && grey ? { frame, pixels, grey, indexOf: (canvas) => toIndex(frame, this.worldAt(canvas) ?? [0, 0, 0]) } : null;
  }

  get canvas(): HTMLCanvasElement | null {
    return this.viewport?.getCanvas() ?? null;
  }

  view(): View {
    return this.camera?.view() ?? { zoom: 1, pan: [0, 0], rotation: 0, mirrored: false };
  }

  render(): void {
    this.viewport?.render();
  }

  /** Writes everything over the image anew, with the next picture and at most once for it. */
  refresh(): void {
    if (this.writing || !this.series) return;
    this.writing = requestAnimationFrame(() => {
      this.writing = 0;
      this.write();
    });
  }

  private write(): void {
    const { series, host } = this;
    if (!series) return;
    const { language } = host;
    this.overlay.setWarnings(this.warnings().map((code) => warningText(code, language)), language);
    this.overlay.setProgress(series.loaded, series.total, language);
    if (series.phase === 'failed' && this.shownAt >= 0) this.overlay.setWaiting(say('cut', language));
    this.writeCorners();
    const frame = this.currentFrame();
    if (frame && this.camera) {
      this.overlay.lines.set(host.linesOn(this));
      this.overlay.setLetters(this.camera.letters(frame));
      this.overlay.setScale(this.camera.scale(frame, this.root.clientWidth / 4), language);
    }
    host.changed(this);
  }

  /** Codes of the stream and of the summary, each once. */
  warnings(): string[] {
    return [...new Set([...(this.info.warnings ?? []), ...(this.series?.header?.warnings ?? [])])];
  }

  private writeCorners(): void {
    const frame = this.currentFrame();
    const { window, lut, gamma } = this.display;
    if (!frame || !window || !this.camera) return;
    this.overlay.setCorners(
      {
        info: this.info,
        frame,
        position: this.shownAt,
        count: this.count,
        window,
        lut,
        gamma,
        inverted: this.inverted,
        zoom: this.camera.pixelsPerImagePixel(frame),
        hover: this.pointer.hover,
        place: this.pointer.place,
        filter: this.series ? this.host.filterOf(this.series) : null,
      },
      this.host.language,
    );
  }
}

function clamp(position: number, count: number): number {
  return Math.min(Math.max(0, Math.round(position)), Math.max(0, count - 1));
}
