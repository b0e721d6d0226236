/** How the values of one cell become grey: its window, whose it is, and inversion. The cell puts the curve on the image. */
import { setCurve, type ImageProperty } from './curve';
import type { Frame } from './frame';
import type { FramePixels } from './pixels';
import { curvePoints, initialWindow, validWindow, type Window } from './window';

const DRAG_FOR_WIDTH = 256;

const hasWindows = (frame: Frame): boolean => (frame.windows?.length ?? 0) > 0;

export class Display {
  /** What is drawn; null before the first image. */
  window: Window | null = null;
  inverted = false;
  /** What the series was opened with. */
  private opened: Window | null = null;
  /** Given with the request: it holds against the header of every image. */
  private given: Window | null = null;
  /** The reader's window holds for every image until reset. */
  private chosen = false;

  clear(): void {
    this.window = this.opened = this.given = null;
    this.chosen = this.inverted = false;
  }

  open(frame: Frame, pixels: FramePixels, given: Window | null): void {
    this.given = given;
    this.opened = given ?? initialWindow(frame, pixels);
    this.chosen = given !== null;
    this.window = validWindow(this.opened);
  }

  /** Another image: as its own header says, until the reader chooses; an automatic window stays that of the first image. */
  enter(frame: Frame, pixels: FramePixels | null): void {
    if (!this.chosen && pixels && hasWindows(frame)) this.window = validWindow(initialWindow(frame, pixels));
  }

  set(window: Window): void {
    this.window = validWindow(window);
    this.chosen = true;
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
    return frame && pixels && hasWindows(frame) ? initialWindow(frame, pixels) : this.opened;
  }

  reset(frame: Frame | null, pixels: FramePixels | null): void {
    this.inverted = false;
    this.chosen = this.given !== null;
    const opened = this.given ?? this.openedFor(frame, pixels);
    if (opened) this.window = validWindow(opened);
  }

  /** Grey 0 … 1 of a modality value as it is drawn now; null before the first image. */
  greyer(frame: Frame): ((value: number) => number) | null {
    if (!this.window) return null;
    const points = curvePoints(this.window, this.inverted !== (frame.photometric === 'MONOCHROME1'));
    return (value) => onCurve(points, value);
  }

  /** Puts the grey curve on Cornerstone's image. */
  draw(property: ImageProperty, frame: Frame): void {
    if (this.window) setCurve(property, curvePoints(this.window, this.inverted !== (frame.photometric === 'MONOCHROME1')));
  }
}

/** Between the points of a curve as the graphics card draws it: straight, and level beyond its ends. */
function onCurve(points: readonly [number, number][], value: number): number {
  let [low, high] = [0, points.length - 1];
  const [first, last] = [points[low] as [number, number], points[high] as [number, number]];
  if (value <= first[0]) return first[1];
  if (value >= last[0]) return last[1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((points[middle] as [number, number])[0] <= value) low = middle;
    else high = middle;
  }
  const [a, b] = [points[low] as [number, number], points[high] as [number, number]];
  return a[1] + ((b[1] - a[1]) * (value - a[0])) / (b[0] - a[0]);
}
