/** One view of the grid: one series, its image on the screen, its window, and what lies over it. */
import { Enums, type Types } from '@cornerstonejs/core';
import { Camera, type View } from './camera';
import type { CellHost, CellRequest } from './cellhost';
import type { CaseInfo } from './corners';
import { Display } from './display';
import { start } from './engine';
import type { Frame } from './frame';
import { toIndex, toWorld } from './geometry';
import type { Vector } from './orientation';
import type { Line } from './lines';
import type { Lens } from './magnifier';
import { Overlay } from './overlay';
import { OverlayLayerCanvas } from './overlays/layer';
import type { FramePixels } from './pixels';
import { Pointer } from './pointer';
import { probeFrame, type Probe } from './measure/probe';
import type { ImageSource } from './source';
import { Stack } from './stack';
import { setCell, type ToolCell } from './tools/cells';
import type { Choice } from './presets';
import { knownScreen } from './screen';
import type { ImageActor } from './transfer';
import type { Window } from './window';
import { say, warningText } from './words';

export class Cell implements ToolCell {
  readonly root = document.createElement('div');
  readonly stage = document.createElement('div');
  private readonly overlay: Overlay;
  private readonly foreign: OverlayLayerCanvas;
  private camera: Camera | null = null;
  private viewport: Types.IStackViewport | null = null;
  info: CaseInfo = {};
  private readonly display = new Display();
  private readonly pointer: Pointer;
  private readonly stack: Stack;
  private writing = 0;
  /** How it looked at its image when it gave up its canvas. */
  private seen: Types.ViewPresentation | null = null;
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
    this.foreign = new OverlayLayerCanvas(this.root);
    this.overlay = new Overlay(this.root, host.corners);
    setCell(this.stage, this);
    this.stack = new Stack({
      host,
      stage: this.stage,
      overlay: this.overlay,
      viewport: () => this.viewport,
      modality: () => this.info.modality ?? null,
      opening: (frame, pixels, request) => this.opening(frame, pixels, request),
      entered: () => this.entered(),
      drawCurve: () => this.drawCurve(),
      refresh: () => this.refresh(),
      changed: () => host.changed(this),
      moved: () => host.moved(this),
      shown: () => host.shown(this),
      failed: (words) => host.failed(this, words),
      retry: () => host.retry(this),
    });
    this.stage.addEventListener(Enums.Events.CAMERA_MODIFIED, this.cameraMoved);
    this.stage.addEventListener(Enums.Events.IMAGE_RENDERED, this.drawForeign);
    this.pointer = new Pointer(this, host);
    this.empty();
  }

  get author(): string {
    return this.host.author;
  }

  get series(): ImageSource | null {
    return this.stack.source;
  }

  get count(): number {
    return this.stack.count;
  }

  get goal(): number {
    return this.stack.goal;
  }

  get index(): number {
    return this.stack.index;
  }

  get imageId(): string | null {
    return this.stack.imageId;
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
    if (this.seen) this.stack.resume(this.viewport, this.seen);
    else this.stack.enabled();
    this.seen = null;
  }

  /** Gives up its canvas, and remembers how it looked at its image. */
  disable(): void {
    if (!this.viewport) return;
    if (this.index >= 0) this.seen = this.viewport.getViewPresentation();
    this.host.group.removeViewports(this.host.engine.id, this.viewportId);
    this.host.engine.disableElement(this.viewportId);
    this.viewport = null;
    this.camera = null;
  }

  dispose(): void {
    this.stack.dispose();
    cancelAnimationFrame(this.writing);
    this.stage.removeEventListener(Enums.Events.CAMERA_MODIFIED, this.cameraMoved);
    this.stage.removeEventListener(Enums.Events.IMAGE_RENDERED, this.drawForeign);
    this.disable();
    this.root.remove();
  }

  /** Nothing in this cell. */
  empty(): void {
    this.leave();
    this.overlay.setNotice({ title: say('empty', this.host.language) }, this.host.language);
  }

  show(source: ImageSource, request: CellRequest): void {
    this.host.stopDrawing();
    this.leave();
    this.expecting = true;
    this.stack.show(source, request);
  }

  /** Another computation of what is shown; see `Stack.replace`. */
  replace(source: ImageSource, at: Vector | null = null): void {
    if (!this.stack.replace(source, at)) this.show(source, this.stack.asked);
  }

  reload(): void {
    this.stack.reload();
  }

  private leave(): void {
    this.stack.leave();
    this.display.clear();
    this.pointer.clear();
    this.foreign.clear();
    this.overlay.clear();
  }

  scrollTo(position: number): void {
    this.stack.scrollTo(position);
  }

  scrollBy(images: number): void {
    if (this.count > 0) this.scrollTo(this.goal + images);
  }

  ready(position: number): boolean {
    return this.stack.ready(position);
  }

  private opening(frame: Frame, pixels: FramePixels, request: CellRequest): void {
    this.display.open(frame, pixels, request.window ?? null);
    if (request.grey) this.display.takeReaders(request.grey, frame);
    else this.applyAutomatic();
  }

  private entered(): void {
    this.foreign.clear();
    const frame = this.currentFrame();
    if (frame) this.display.enter(frame, this.stack.currentPixels());
    // Cornerstone has just put its own curve there: ours goes in before anything is drawn.
    this.drawCurve();
    this.refresh();
  }

  private drawCurve(): void {
    const actor = this.viewport?.getDefaultActor()?.actor as ImageActor | undefined;
    const frame = this.currentFrame();
    if (actor && frame) this.display.draw(actor, frame, start().largest);
  }

  currentFrame(): Frame | null {
    return this.stack.frameAt(this.index);
  }

  frameAt(position: number): Frame | null {
    return this.stack.frameAt(position);
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
    this.display.apply(choice, this.currentFrame(), this.stack.currentPixels());
    if (this.index < 0) return;
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
    return this.display.openedFor(this.currentFrame(), this.stack.currentPixels());
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
    if (this.index < 0) return;
    this.camera?.rotate(degrees);
    this.refresh();
  }

  flip(axis: 'horizontal' | 'vertical'): void {
    if (this.index < 0) return;
    this.camera?.flip(axis);
    this.refresh();
  }

  /** Window as the request or the header says, no gamma, no inversion; zoom, pan, rotation and mirroring as at the opening. Measurements stay. */
  reset(): void {
    if (!this.viewport || this.index < 0) return;
    this.expecting = false;
    this.display.reset(this.currentFrame(), this.stack.currentPixels());
    this.camera?.straighten();
    this.viewport.resetCamera();
    this.redraw();
  }

  /** Whether this zoom shows the true size, on a screen that was measured. */
  private trueSize(frame: Frame): 'patient' | 'detector' | null {
    const screen = knownScreen();
    const times = screen && this.camera ? this.camera.magnification(frame, screen.mmPerPixel) : null;
    if (times === null || Math.abs(times - 1) > 0.005) return null;
    return frame.spacing_kind === 'imager' && !frame.calibrated ? 'detector' : 'patient';
  }

  /** Zooms so that 1 mm of the patient is 1 mm on the glass; false where the image has no mm. */
  showTrueSize(mmPerPixel: number): boolean {
    const frame = this.currentFrame();
    const times = frame && this.camera?.magnification(frame, mmPerPixel);
    if (!times) return false;
    this.zoomBy(1 / times);
    return true;
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
  valueAt(point: readonly [number, number], position = this.index): Probe {
    const index = this.stack.frameIndex(position);
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
    const [frame, pixels] = [this.currentFrame(), this.stack.currentPixels()];
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
    if (series.phase === 'failed' && this.index >= 0) this.overlay.setWaiting(say('cut', language));
    this.writeCorners();
    const frame = this.currentFrame();
    if (frame && this.camera) {
      const { lines, mark } = host.linesOn(this);
      this.overlay.lines.set(lines, mark);
      this.overlay.setLetters(this.camera.letters(frame));
      this.overlay.setScale(this.camera.scale(frame, this.root.clientWidth / 4), language);
    }
    host.changed(this);
  }

  /** Codes of the stream and of the summary, each once. */
  warnings(): string[] {
    const all = new Set([...(this.info.warnings ?? []), ...(this.series?.header?.warnings ?? [])]);
    if (!this.currentFrame()?.calibrated) return [...all];
    all.delete('no_spacing');
    return ['calibrated', ...all];
  }

  /** What others drew on the image, when it has just been drawn itself, or the overlay changed. */
  readonly drawForeign = (): void => {
    const frame = this.stage.classList.contains('px-hidden') ? null : this.currentFrame();
    const { viewport } = this;
    if (viewport) this.foreign.draw(this.host.foreign, frame, (point) => viewport.worldToCanvas(toWorld(frame as Frame, point)));
  };

  private writeCorners(): void {
    const frame = this.currentFrame();
    const { window, lut, gamma } = this.display;
    if (!frame || !window || !this.camera) return;
    this.overlay.setCorners(
      {
        info: this.info,
        frame,
        position: this.index,
        count: this.count,
        window,
        lut,
        gamma,
        inverted: this.inverted,
        zoom: this.camera.pixelsPerImagePixel(frame),
        trueSize: this.trueSize(frame),
        hover: this.pointer.hover,
        place: this.pointer.place,
        filter: this.series ? this.host.filterOf(this.series) : null,
      },
      this.host.language,
    );
  }
}
