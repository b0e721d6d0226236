/** How the values of one cell become grey: window or VOI LUT, whose it is, gamma, inversion. The cell puts it on the image. */
import { GAMMA, greyAt, samplesOf, validGamma } from './curve';
import type { Frame } from './frame';
import { counterpart, lutWindow, type VoiLut } from './lut';
import { inverseOf, rescaleOf, type FramePixels } from './pixels';
import type { Choice } from './presets';
import { setGreys, type ImageActor } from './transfer';
import { headerWindows, initialWindow, validWindow, type Window } from './window';

const DRAG_FOR_WIDTH = 256;
/** Wider textures than this give no better greys of 16-bit values. */
const WIDEST = 16_384;

/** What the header says of an image's grey: its table when it has no window (C.11.2.1.1), or neither. */
const headerLut = (frame: Frame): VoiLut | null => (headerWindows(frame).length === 0 ? (frame.luts?.[0] ?? null) : null);
const headerSays = (frame: Frame): boolean => headerWindows(frame).length > 0 || headerLut(frame) !== null;

/** What the reader made of the greys, to be taken to other pictures of the same images. */
export interface ReadersGrey {
  window: Window;
  lut: VoiLut | null;
  gamma: number;
  inverted: boolean;
}

export class Display {
  /** What is drawn, or, while `lut` is drawn, a window over the same values; null before the first image. */
  window: Window | null = null;
  lut: VoiLut | null = null;
  gamma: number = GAMMA.none;
  inverted = false;
  /** What the series was opened with. */
  private opened: { window: Window; lut: VoiLut | null } | null = null;
  /** Given with the request: it holds against the header of every image. */
  private given: Window | null = null;
  /** The reader's window or table holds for every image until reset. */
  private chosen = false;

  clear(): void {
    this.window = this.lut = this.opened = this.given = null;
    this.chosen = this.inverted = false;
    this.gamma = GAMMA.none;
  }

  /** Whether nothing but the header has had a say yet. */
  get untouched(): boolean {
    return !this.chosen && this.gamma === GAMMA.none;
  }

  /** Null while the header alone decides. */
  readers(): ReadersGrey | null {
    const { window, lut, gamma, inverted } = this;
    return window === null || (this.untouched && !inverted) ? null : { window, lut, gamma, inverted };
  }

  takeReaders({ window, lut, gamma, inverted }: ReadersGrey, frame: Frame): void {
    this.apply({ gamma, ...(lut ? { lut: counterpart(frame, lut) } : { window }) }, frame, null);
    this.inverted = inverted;
  }

  open(frame: Frame, pixels: FramePixels, given: Window | null): void {
    this.given = given;
    this.chosen = given !== null;
    this.opened = given ? { window: given, lut: null } : this.headerGrey(frame, pixels);
    this.show(this.opened);
  }

  /** Another image: as its own header says, until the reader chooses; an automatic window stays that of the first image. */
  enter(frame: Frame, pixels: FramePixels | null): void {
    if (this.chosen) {
      if (this.lut) this.show({ window: lutWindow(counterpart(frame, this.lut)), lut: counterpart(frame, this.lut) });
    } else if (pixels && (headerSays(frame) || this.lut)) this.show(this.headerGrey(frame, pixels));
  }

  private headerGrey(frame: Frame, pixels: FramePixels): { window: Window; lut: VoiLut | null } {
    const lut = headerLut(frame);
    return { window: lut ? lutWindow(lut) : initialWindow(frame, pixels), lut };
  }

  private show({ window, lut }: { window: Window; lut: VoiLut | null }): void {
    this.window = validWindow(window);
    this.lut = lut;
  }

  set(window: Window): void {
    this.show({ window, lut: null });
    this.chosen = true;
  }

  setGamma(gamma: number): void {
    this.gamma = validGamma(gamma);
  }

  /** What a preset says; gamma stays when it says nothing of it. */
  apply(choice: Choice, frame: Frame | null, pixels: FramePixels | null): void {
    if (choice.gamma !== undefined) this.setGamma(choice.gamma);
    if (choice.window) this.set(choice.window);
    else if (choice.lut) {
      this.show({ window: lutWindow(choice.lut), lut: choice.lut });
      this.chosen = true;
    } else if (choice.header) this.toHeader(frame, pixels);
  }

  /** The greys of another view. */
  follow({ window, lut, gamma }: Readonly<Display>, frame: Frame | null): void {
    if (!window) return;
    const own = lut && frame ? counterpart(frame, lut) : lut;
    this.apply({ gamma, ...(own ? { lut: own } : { window }) }, frame, null);
  }

  /** Screen pixels of a drag: right is wider, down is darker; small windows change finely, wide ones by what they are wide. */
  drag(dx: number, dy: number, grey: boolean): void {
    if (!this.window) return;
    const step = Math.max(this.window.width, 1e-3) / DRAG_FOR_WIDTH;
    const speed = Math.max(step, grey && this.window.width > 4 ? 0.5 : 0);
    this.set({ ...this.window, width: this.window.width + dx * speed, center: this.window.center + dy * speed });
  }

  /** The window the image on the screen would open with. */
  openedFor(frame: Frame | null, pixels: FramePixels | null): Window | null {
    return frame && pixels && headerSays(frame) ? this.headerGrey(frame, pixels).window : (this.opened?.window ?? null);
  }

  reset(frame: Frame | null, pixels: FramePixels | null): void {
    this.inverted = false;
    this.gamma = GAMMA.none;
    this.toHeader(frame, pixels);
  }

  private toHeader(frame: Frame | null, pixels: FramePixels | null): void {
    this.chosen = this.given !== null;
    if (this.given) this.show({ window: this.given, lut: null });
    else if (frame && pixels && headerSays(frame)) this.show(this.headerGrey(frame, pixels));
    else if (this.opened) this.show(this.opened);
  }

  /** Grey 0…1 of a modality value as it is drawn now; null before the first image. */
  greyer(frame: Frame): ((value: number) => number) | null {
    if (!this.window) return null;
    const grey = { window: this.window, lut: this.lut, gamma: this.gamma };
    const inverse = this.inverted !== inverseOf(frame);
    return (value) => (inverse ? 1 - greyAt(value, grey) : greyAt(value, grey));
  }

  /** Puts the greys on Cornerstone's image. `largest`: the widest texture of the card. */
  draw(actor: ImageActor, frame: Frame, largest: number): void {
    if (!this.window) return;
    const { slope, intercept } = rescaleOf(frame);
    const grid = frame.samples === 3 ? { start: 0, step: 1 } : { start: intercept, step: Math.abs(slope) };
    const grey = { window: this.window, lut: this.lut, gamma: this.gamma };
    setGreys(actor, samplesOf(grey, this.inverted !== inverseOf(frame), grid, Math.min(largest, WIDEST)));
  }
}
