/** The images of one source in a viewport: which there are, which is on the screen, which was asked for. */
import { Enums, type Types } from '@cornerstonejs/core';
import type { CellHost, CellRequest } from './cellhost';
import { closest } from './closest';
import { start } from './engine';
import type { Frame } from './frame';
import { offPlane } from './geometry';
import { addSource, forgetImages, imageIdOf } from './loader';
import { failureNotice } from './notices';
import type { Vector } from './orientation';
import type { Overlay } from './overlay';
import type { FramePixels } from './pixels';
import type { ImageSource, SourceEvent } from './source';
import { away } from './stream';
import { say } from './words';

/** What the stack needs of the cell around it. */
export interface Around {
  readonly host: CellHost;
  readonly stage: HTMLElement;
  readonly overlay: Overlay;
  /** Null until the cell has a size. */
  viewport(): Types.IStackViewport | null;
  modality(): string | null;
  /** The first picture of a source is about to be drawn: its greys. */
  opening(frame: Frame, pixels: FramePixels, request: CellRequest): void;
  /** The first picture of a source is in the viewport, as received; nothing of it is seen yet. */
  opened(request: CellRequest): void;
  /** Another image is in the viewport, with Cornerstone's own greys; nothing of it is drawn yet. */
  entered(): void;
  /** Our greys again, where Cornerstone has put its own. */
  drawCurve(): void;
  /** What lies over the image is written anew. */
  refresh(): void;
  /** What is shown, or how much of it is here, changed. */
  changed(): void;
  /** Another image is on the screen. */
  moved(): void;
  /** The first picture of a newly shown source is on the screen. */
  shown(): void;
  failed(words: string): void;
  retry(): void;
}

export class Stack {
  source: ImageSource | null = null;
  /** Frame indexes of the source in the order they are scrolled. */
  private positions: number[] = [];
  /** What is on the screen, and what was asked for (they differ while an image is on its way). */
  private shownAt = -1;
  private wanted = 0;
  private request: CellRequest = {};
  /** Counts what was shown: an answer of an earlier turn comes too late. */
  private turn = 0;
  private stop: (() => void) | null = null;

  constructor(private readonly around: Around) {
    around.stage.addEventListener(Enums.Events.STACK_NEW_IMAGE, this.newImage);
  }

  get count(): number {
    return this.positions.length;
  }

  /** The position on the screen; −1 before the first picture. */
  get index(): number {
    return this.shownAt;
  }

  /** The position asked for last; `index` follows when its image is on the screen. */
  get goal(): number {
    return this.wanted;
  }

  /** How the source was asked for. */
  get asked(): CellRequest {
    return this.request;
  }

  /** Whether no picture may be seen: none has come, or the one asked for cannot be decoded. */
  get hidden(): boolean {
    return this.around.stage.classList.contains('px-hidden');
  }

  /** Cornerstone's name of the image on the screen. */
  get imageId(): string | null {
    const index = this.positions[this.shownAt];
    return this.source && index !== undefined ? imageIdOf(this.around.host.id, this.source, index) : null;
  }

  /** Index within the source of the image at a position. */
  frameIndex(position: number): number | undefined {
    return this.positions[position];
  }

  frameAt(position: number): Frame | null {
    const index = this.positions[position];
    return this.source?.header && index !== undefined ? this.around.host.calibrated(this.source, this.source.frame(index)) : null;
  }

  currentPixels(): FramePixels | null {
    const index = this.positions[this.shownAt];
    return index === undefined ? null : (this.source?.pixels(index) ?? null);
  }

  /** Whether the image of a position is here. */
  ready(position: number): boolean {
    const { source } = this;
    const index = this.positions[position];
    return index !== undefined && source !== null && (source.variant !== '' ? source.phase === 'complete' : source.pixels(index) !== null || source.broken(index));
  }

  show(source: ImageSource, request: CellRequest): void {
    this.source = source;
    this.request = request;
    this.stop = source.listen((event) => this.told(source, event));
    this.around.overlay.setWaiting(say('loading', this.around.host.language));
    void this.open(this.turn);
    this.around.changed();
  }

  /** The viewport is there now. */
  enabled(): void {
    if (this.source) void this.open(this.turn);
  }

  /** The picture of the case before must never stand under the name of the next: it is hidden at once. */
  leave(): void {
    this.turn += 1;
    this.stop?.();
    this.stop = null;
    if (this.source) this.around.host.leaving(this.source);
    this.source = null;
    this.positions = [];
    this.shownAt = -1;
    this.wanted = 0;
    this.around.stage.classList.add('px-hidden');
  }

  dispose(): void {
    this.turn += 1;
    this.stop?.();
    this.around.stage.removeEventListener(Enums.Events.STACK_NEW_IMAGE, this.newImage);
  }

  /**
   * Another computation of what is shown (turned, thicker): the same window, zoom and place, without a moment of emptiness.
   * `at`: the plane nearest to it is shown, LPS mm; without it the one of the same number. `look`: seen as asked there.
   * False when nothing is shown yet.
   */
  replace(source: ImageSource, at: Vector | null, look: CellRequest): boolean {
    const { around, source: before } = this;
    const [viewport, { header }] = [around.viewport(), source];
    if (!viewport || !header || !before || this.shownAt < 0) return false;
    around.host.stopDrawing();
    around.host.leaving(before);
    this.turn += 1;
    const { turn } = this;
    this.stop?.();
    this.source = source;
    this.stop = source.listen((event) => this.told(source, event));
    this.positions = header.frames.map((_, index) => index);
    this.wanted = Math.max(0, closest(this.count, (position) => (at ? Math.abs(offPlane(source.frame(position), at)) : Math.abs(position - this.shownAt))));
    const view = this.hidden ? null : viewport.getViewPresentation();
    void viewport.setStack(this.register(source), this.wanted).then(() => {
      if (turn !== this.turn) return;
      // Still about to be shown for the first time: as that would have been.
      if (view) viewport.setViewPresentation(view);
      else viewport.resetCamera();
      around.opened(look);
      around.drawCurve();
      this.unveil(viewport);
      around.host.known(source);
      around.changed();
    });
    return true;
  }

  /** Draws its images anew from their pixels: what is computed before drawing has changed. */
  reload(): void {
    const { source, around } = this;
    const viewport = around.viewport();
    if (!viewport || !source || this.shownAt < 0) return;
    const { turn } = this;
    void forgetImages(this.register(source)).then(() => turn === this.turn && this.resume(viewport, viewport.getViewPresentation()));
  }

  /** The same images in the viewport as it is now, seen as they were. */
  resume(viewport: Types.IStackViewport, view: Types.ViewPresentation): void {
    const { source, around, turn } = this;
    if (!source || this.shownAt < 0) return this.enabled();
    void viewport.setStack(this.register(source), this.wanted).then(() => {
      if (turn !== this.turn) return;
      viewport.setViewPresentation(view);
      around.drawCurve();
      viewport.render();
      around.refresh();
    });
  }

  /** Goes to a position; one that is not here yet is shown when it arrives, and until then the number says so. */
  scrollTo(position: number): void {
    const { source, around } = this;
    const viewport = around.viewport();
    if (!source || !viewport || this.shownAt < 0) {
      this.request = { ...this.request, index: position };
      return;
    }
    around.host.stopDrawing();
    this.wanted = clamp(position, this.count);
    const index = this.positions[this.wanted] as number;
    const { language } = around.host;
    if (source.broken(index)) {
      around.stage.classList.add('px-hidden');
      this.shownAt = this.wanted;
      around.overlay.setNotice({ title: `${say('image', language)} ${this.wanted + 1}/${this.count}: ${say('undecodable', language)}`, action: say('undecodableHow', language) }, language);
      around.refresh();
      return;
    }
    if (!source.pixels(index)) {
      this.awaiting(source);
      around.changed();
      return;
    }
    around.overlay.setWaiting('');
    if (this.hidden) {
      around.overlay.setNotice(null, language);
      around.stage.classList.remove('px-hidden');
      this.shownAt = this.wanted;
    }
    void viewport.setImageIdIndex(this.wanted);
    around.refresh();
  }

  private readonly newImage = (event: Event): void => {
    this.shownAt = (event as CustomEvent<{ imageIdIndex: number }>).detail.imageIdIndex;
    this.around.entered();
    if (!this.hidden) this.around.moved();
  };

  /** Makes the images of a source known to Cornerstone; their ids. */
  private register(source: ImageSource): string[] {
    const { host, modality } = this.around;
    return this.positions.map((index) => {
      const imageId = imageIdOf(host.id, source, index);
      addSource(imageId, source, index, { modality, language: () => host.language, filter: () => host.filterOf(source), calibrated: (frame) => host.calibrated(source, frame) });
      return imageId;
    });
  }

  private async open(turn: number): Promise<void> {
    const { source, around } = this;
    const viewport = around.viewport();
    if (!source || !viewport || !source.header) {
      if (source?.phase === 'failed' && viewport) this.fail(source.problem);
      else if (source) around.refresh();
      return;
    }
    const { header } = source;
    around.host.known(source);
    const asked = this.request.frames?.filter((index) => index >= 0 && index < header.frames.length);
    this.positions = asked && asked.length > 0 ? asked : header.frames.map((_, index) => index);
    if (this.positions.length === 0) {
      const { language } = around.host;
      around.overlay.setWaiting('');
      around.overlay.setNotice({ title: say('noFrames', language), action: say('notRenderable', language) }, language);
      around.failed(say('noFrames', language));
      return;
    }
    const imageIds = this.register(source);
    const first = await this.firstPosition(source, turn);
    if (turn !== this.turn || first === null) return;
    if (source.phase === 'loading') source.hold(this.drawn());
    this.wanted = first.position;
    const frame = source.frame(this.positions[first.position] as number);
    if (this.tooLarge(frame.columns, frame.rows)) return;
    around.opening(frame, first.pixels, this.request);
    await viewport.setStack(imageIds, first.position);
    if (turn !== this.turn) return;
    viewport.resetCamera();
    around.opened(this.request);
    this.unveil(viewport);
    around.stage.addEventListener(Enums.Events.IMAGE_RENDERED, () => turn === this.turn && around.shown(), { once: true });
  }

  private unveil(viewport: Types.IStackViewport): void {
    const { around } = this;
    viewport.render();
    around.stage.classList.remove('px-hidden');
    around.overlay.setNotice(null, around.host.language);
    around.overlay.setWaiting('');
    around.refresh();
    around.moved();
  }

  /** Says of the image that was gone to, and is not here, that it comes, or that it could not be had. */
  private awaiting(source: ImageSource): void {
    const { overlay, host } = this.around;
    const { language } = host;
    const how = source.phase === 'failed' && away(source.problem) ? ` · ${say('awayHow', language)}` : '';
    overlay.setWaiting(`${say(source.phase === 'failed' ? 'failed' : 'loading', language)} ${this.wanted + 1}/${this.count}${how}`);
  }

  /** When the next picture is on the screen, but not later than a moment: a hidden page draws nothing. */
  private drawn(): Promise<void> {
    const { stage } = this.around;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(late);
        stage.removeEventListener(Enums.Events.IMAGE_RENDERED, done);
        resolve();
      };
      const late = setTimeout(done, 250);
      stage.addEventListener(Enums.Events.IMAGE_RENDERED, done);
    });
  }

  /** The position asked for, else the first of the stream's order that arrives and can be decoded. */
  private async firstPosition(source: ImageSource, turn: number): Promise<{ position: number; pixels: FramePixels } | null> {
    const { index } = this.request;
    const tries = index !== undefined ? [this.positions[clamp(index, this.count)] as number] : (source.header?.order ?? []).filter((one) => this.positions.includes(one));
    let problem: unknown = null;
    for (const one of tries.length > 0 ? tries : this.positions) {
      try {
        const pixels = await source.arrival(one);
        return { position: this.positions.indexOf(one), pixels };
      } catch (failure) {
        problem = failure;
        if (turn !== this.turn || source.phase === 'failed') break;
      }
    }
    if (turn === this.turn) this.fail(problem);
    return null;
  }

  private fail(problem: unknown): void {
    if ((problem as { name?: string } | null)?.name === 'AbortError') return;
    const { around } = this;
    const notice = failureNotice(problem, around.host.language, () => around.retry());
    around.overlay.setWaiting('');
    around.overlay.setNotice(notice, around.host.language);
    around.failed(notice.title);
  }

  private tooLarge(columns: number, rows: number): boolean {
    const { largest } = start();
    if (Math.max(columns, rows) <= largest) return false;
    const { around } = this;
    const { language } = around.host;
    around.overlay.setWaiting('');
    around.overlay.setNotice({ title: `${say('tooLarge', language)} (${columns}×${rows} > ${largest})`, action: say('tooLargeHow', language) }, language);
    around.failed(say('tooLarge', language));
    return true;
  }

  private told(source: ImageSource, event: SourceEvent): void {
    const { around } = this;
    if (event.type === 'header') {
      if (this.shownAt < 0) void this.open(this.turn);
      around.refresh();
      return;
    }
    if (event.type === 'frame') {
      around.overlay.setProgress(source.loaded, source.total, around.host.language);
      if (this.shownAt >= 0 && this.wanted !== this.shownAt && this.positions[this.wanted] === event.index) this.scrollTo(this.wanted);
    }
    if (event.type === 'phase') {
      if (source.phase === 'failed' && source.header === null) this.fail(source.problem);
      else if (this.shownAt >= 0 && source.phase !== 'complete' && !source.pixels(this.positions[this.wanted] as number)) this.awaiting(source);
      around.refresh();
    }
    around.changed();
  }
}

function clamp(position: number, count: number): number {
  return Math.min(Math.max(0, Math.round(position)), Math.max(0, count - 1));
}
