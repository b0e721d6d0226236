/** One view of the grid: one series and its image on the screen; its greys (`greys.ts`) and what lies over it (`written.ts`) are its parts. */
import { Enums, type Types } from '@cornerstonejs/core';
import { Camera, type View } from './camera';
import type { CellHost, CellRequest } from './cellhost';
import type { CaseInfo } from './corners';
import type { Display } from './display';
import { start } from './engine';
import type { Frame } from './frame';
import { Framing } from './framing';
import { spaceOf, toIndex, toWorld } from './geometry';
import { Greys } from './greys';
import type { Vector } from './orientation';
import type { Line } from './lines';
import type { Lens } from './magnifier';
import { Pointer } from './pointer';
import { probeFrame, type Probe } from './measure/probe';
import type { SolidReconstruction } from './reconstruction';
import type { ImageSource } from './source';
import { Stack } from './stack';
import { setCell, type ToolCell } from './tools/cells';
import type { ImageActor } from './transfer';
import { Cpr } from './volume/curved/cpr';
import { placeOnCpr } from './volume/curved/drawing';
import type { Window } from './window';
import { Written } from './written';
import { say } from './words';

export class Cell implements ToolCell {
  readonly root = document.createElement('div');
  readonly stage = document.createElement('div');
  /** Null until the cell has a size. */
  camera: Camera | null = null;
  private viewport: Types.IStackViewport | null = null;
  info: CaseInfo = {};
  readonly pointer: Pointer;
  readonly greys: Greys;
  readonly framing: Framing;
  private readonly written: Written;
  /** The rendering that lies over its picture. */
  solid: { seen(): SolidReconstruction | null } | null = null;
  private readonly stack: Stack;
  /** How it looked at its image when it gave up its canvas. */
  private seen: Types.ViewPresentation | null = null;

  constructor(
    private readonly host: CellHost,
    readonly viewportId: string,
  ) {
    this.root.className = 'px-cell';
    this.root.setAttribute('role', 'group');
    this.stage.className = 'px-stage px-hidden';
    this.root.append(this.stage);
    this.written = new Written(this, host);
    this.greys = new Greys({
      frame: () => this.currentFrame(),
      pixels: () => this.stack.currentPixels(),
      shown: () => this.index >= 0,
      automatic: () => host.automatic(this),
      redraw: () => this.redraw(),
      changed: () => host.windowed(this),
    });
    this.framing = new Framing({
      stage: this.stage,
      camera: () => this.camera,
      frame: () => this.currentFrame(),
      canvasOf: (at) => this.canvasOf(at),
      redraw: () => this.redraw(),
      refresh: () => this.refresh(),
      viewed: () => host.viewed(this),
      turned: () => host.turned(this),
      laid: () => host.laid(this),
    });
    setCell(this.stage, this);
    this.stack = new Stack({
      host,
      stage: this.stage,
      overlay: this.written.overlay,
      viewport: () => this.viewport,
      modality: () => this.info.modality ?? null,
      opening: (frame, pixels, request) => this.greys.open(frame, pixels, request.window ?? null, request.grey),
      entered: () => this.entered(),
      opened: ({ turn, framing }) => {
        if (turn) this.framing.turnLike(turn);
        if (framing) this.framing.frameAs(framing);
      },
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
    this.written.clearForeign();
  }

  dispose(): void {
    this.stack.dispose();
    this.written.dispose();
    this.stage.removeEventListener(Enums.Events.CAMERA_MODIFIED, this.cameraMoved);
    this.stage.removeEventListener(Enums.Events.IMAGE_RENDERED, this.drawForeign);
    this.disable();
    this.root.remove();
  }

  /** Nothing in this cell. */
  empty(): void {
    this.leave();
    this.written.overlay.setNotice({ title: say('empty', this.host.language) }, this.host.language);
  }

  /** Nothing in this cell yet. */
  expect(): void {
    this.leave();
    this.written.overlay.setWaiting(say('loading', this.host.language));
  }

  /** Whether it stands for a CPR whose curve is still to be drawn. */
  get wantsCurve(): boolean {
    return this.written.wantsCurve;
  }

  /** Says over its images that a curve is to be drawn; `draw` begins it. */
  wantCurve(draw: () => void): void {
    this.written.wantCurve(draw);
  }

  /** The window it was opened with, where one was asked for. */
  get asked(): Window | null {
    return this.series ? (this.stack.asked.window ?? null) : null;
  }

  show(source: ImageSource, request: CellRequest): void {
    this.host.stopDrawing();
    this.leave();
    this.greys.expect();
    this.stack.show(source, request);
  }

  /** Another computation of what is shown; see `Stack.replace`. */
  replace(source: ImageSource, at: Vector | null = null, request: CellRequest = {}): void {
    if (!this.stack.replace(source, at, request)) this.show(source, { ...this.stack.asked, ...request });
  }

  reload(): void {
    this.stack.reload();
  }

  private leave(): void {
    this.stack.leave();
    this.greys.clear();
    this.pointer.clear();
    this.written.clear();
  }

  scrollTo(position: number): void {
    this.stack.scrollTo(position);
  }

  scrollBy(images: number): void {
    // The pictures of a CPR go round its curve.
    const { count, goal } = this;
    if (count > 0) this.scrollTo(this.series instanceof Cpr ? (((goal + images) % count) + count) % count : goal + images);
  }

  ready(position: number): boolean {
    return this.stack.ready(position);
  }

  private entered(): void {
    this.written.clearForeign();
    const frame = this.currentFrame();
    if (frame) this.greys.enter(frame);
    // Cornerstone has just put its own curve there: ours goes in before anything is drawn.
    this.drawCurve();
    this.refresh();
  }

  private drawCurve(): void {
    const actor = this.viewport?.getDefaultActor()?.actor as ImageActor | undefined;
    const frame = this.currentFrame();
    if (actor && frame) this.grey.draw(actor, frame, start().largest);
  }

  currentFrame(): Frame | null {
    return this.stack.frameAt(this.index);
  }

  frameAt(position: number): Frame | null {
    return this.stack.frameAt(position);
  }

  get grey(): Readonly<Display> {
    return this.greys.display;
  }

  /** Holds for every image and every window of the series until reset. */
  setGamma(gamma: number): void {
    this.greys.apply({ gamma });
  }

  /** Window of the reader: holds for every image of the series until reset. */
  setWindow(window: Window): void {
    this.greys.apply({ window });
  }

  dragWindow(dx: number, dy: number): void {
    this.greys.drag(dx, dy);
  }

  invert(): void {
    this.greys.invert();
  }

  /** Where the middle of the image is, CSS pixels within the cell. */
  middle(): readonly [number, number] | null {
    const frame = this.currentFrame();
    return frame && this.viewport ? this.canvasAt(frame, [(frame.columns - 1) / 2, (frame.rows - 1) / 2]) : null;
  }

  /** The place of the patient in the middle of the view, LPS mm; of the image, where that lies beyond it. */
  midst(): Vector | null {
    const frame = this.currentFrame();
    if (!frame || spaceOf(frame) === null) return null;
    const at = this.worldAt([this.stage.clientWidth / 2, this.stage.clientHeight / 2]);
    const [column, row] = at ? toIndex(frame, at) : [-1, -1];
    const inside = column >= 0 && row >= 0 && column <= frame.columns - 1 && row <= frame.rows - 1;
    return inside ? at : toWorld(frame, [(frame.columns - 1) / 2, (frame.rows - 1) / 2]);
  }

  /** Window as the request or the header says, no gamma, no inversion; zoom, pan, rotation and mirroring as at the opening. Measurements stay. */
  reset(): void {
    if (!this.viewport || this.index < 0) return;
    this.greys.reset();
    this.framing.straighten();
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

  private readonly cameraMoved = (): void => this.framing.moved();

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
    const [frame, pixels] = [this.currentFrame(), this.stack.currentPixels()];
    const grey = frame && this.grey.greyer(frame);
    return frame && pixels && grey ? { frame, pixels, grey, indexOf: (canvas) => toIndex(frame, this.worldAt(canvas) ?? [0, 0, 0]) } : null;
  }

  get canvas(): HTMLCanvasElement | null {
    return this.viewport?.getCanvas() ?? null;
  }

  view(): View {
    return this.framing.view;
  }

  render(): void {
    this.viewport?.render();
  }

  /** Whether no picture may be seen. */
  get hidden(): boolean {
    return this.stack.hidden;
  }

  /** Where a place of a frame falls on the cell, CSS pixels. */
  canvasAt(frame: Frame, point: readonly [number, number]): readonly [number, number] {
    return this.viewport?.worldToCanvas(toWorld(frame, point)) ?? [0, 0];
  }

  /** Writes everything over the image anew, with the next picture and at most once for it. */
  refresh(): void {
    this.written.refresh();
  }

  /** Codes of the stream and of the summary, each once. */
  warnings(): string[] {
    return this.written.warnings();
  }

  /** What others drew on the image, when it has just been drawn itself, or the overlay changed. */
  readonly drawForeign = (): void => {
    if (this.viewport) this.written.drawForeign();
  };
}
