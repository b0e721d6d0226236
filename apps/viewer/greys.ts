/** The greys of one cell: which window, VOI LUT, gamma and inversion it shows its images with, and whose choice they are. */
import type { ReadersGrey } from './display';
import { Display } from './display';
import type { Frame } from './frame';
import type { FramePixels } from './pixels';
import type { Choice } from './presets';
import type { Window } from './window';

/** What the greys need of the cell around them. */
export interface GreysAround {
  frame(): Frame | null;
  pixels(): FramePixels | null;
  /** Whether an image is on the screen. */
  shown(): boolean;
  /** The reader's own preset that applies by itself to what is shown. */
  automatic(): Choice | null;
  redraw(): void;
  /** The reader has changed them. */
  changed(): void;
}

export class Greys {
  private readonly own = new Display();
  /** Whether a preset may still apply by itself: until it has, or the reader has done something to the greys. */
  private expecting = false;

  constructor(private readonly around: GreysAround) {}

  get display(): Readonly<Display> {
    return this.own;
  }

  /** Another source is about to be shown. */
  expect(): void {
    this.expecting = true;
  }

  clear(): void {
    this.own.clear();
  }

  /** The first picture of a source is here. */
  open(frame: Frame, pixels: FramePixels, window: Window | null, readers: ReadersGrey | undefined): void {
    this.own.open(frame, pixels, window);
    if (readers) this.own.takeReaders(readers, frame);
    else this.applyAutomatic();
  }

  /** Another image of the source is on the screen. */
  enter(frame: Frame): void {
    this.own.enter(frame, this.around.pixels());
  }

  /** The reader's own preset for such a series, once, unless the greys are somebody's choice already. */
  applyAutomatic(): void {
    if (!this.expecting || !this.own.window || !this.own.untouched) return;
    const choice = this.around.automatic();
    if (choice) this.apply(choice);
  }

  apply(choice: Choice): void {
    this.expecting = false;
    this.own.apply(choice, this.around.frame(), this.around.pixels());
    if (!this.around.shown()) return;
    this.around.redraw();
    this.around.changed();
  }

  /** Those of a linked view. */
  take(grey: Readonly<Display>): void {
    this.expecting = false;
    this.own.follow(grey, this.around.frame());
    this.around.redraw();
  }

  drag(dx: number, dy: number): void {
    this.expecting = false;
    this.own.drag(dx, dy, this.around.frame()?.samples === 1);
    this.around.redraw();
    this.around.changed();
  }

  invert(): void {
    this.own.inverted = !this.own.inverted;
    this.around.redraw();
  }

  /** As the request or the header says, no gamma, no inversion. */
  reset(): void {
    this.expecting = false;
    this.own.reset(this.around.frame(), this.around.pixels());
  }

  openedWindow(): Window | null {
    return this.own.openedFor(this.around.frame(), this.around.pixels());
  }
}
