/** How the image of a cell lies in its view: turned, mirrored, zoomed, moved; by the reader's hand, or as another view, a protocol or a key image says. */
import type { Camera, View } from './camera';
import type { Frame } from './frame';
import type { Vector } from './orientation';
import { UPRIGHT, type Turn } from './turned';

export interface FramingAround {
  readonly stage: HTMLElement;
  /** Null until the cell has a size. */
  camera(): Camera | null;
  /** Null while no image is on the screen. */
  frame(): Frame | null;
  /** Where a place of the patient falls on the cell, CSS pixels. */
  canvasOf(at: Vector): readonly [number, number] | null;
  redraw(): void;
  refresh(): void;
  /** It was zoomed or moved; turned by the reader; turned by something else. */
  viewed(): void;
  turned(): void;
  laid(): void;
}

export class Framing {
  /** While it is being turned the camera passes through places nobody asked for. */
  private turning = false;

  constructor(private readonly around: FramingAround) {}

  get view(): View {
    return this.around.camera()?.view() ?? { zoom: 1, pan: [0, 0], rotation: 0, mirrored: false };
  }

  /** Clockwise on the screen. */
  rotate(degrees: number): void {
    this.turnTo(this.view.rotation + degrees);
  }

  turnTo(degrees: number): void {
    this.byHand((camera) => camera.turnTo(degrees));
  }

  flip(axis: 'horizontal' | 'vertical'): void {
    this.byHand((camera) => camera.flip(axis));
  }

  /** As something else is turned. */
  turnLike(turn: Turn): void {
    if (this.change((camera) => camera.turnLike(turn))) this.around.laid();
  }

  /** Upright, and fitting the view. */
  straighten(): void {
    const done = this.change((camera) => {
      camera.turnLike(UPRIGHT);
      camera.fit();
    });
    if (!done) return;
    this.around.viewed();
    this.around.turned();
  }

  /** Zoom (1 fits), and the place in the middle of the view, LPS mm. */
  frameAs({ zoom, middle }: { zoom: number; middle: Vector }): void {
    const { around } = this;
    const place = around.canvasOf(middle);
    if (!place) return;
    around.camera()?.frameAs(zoom, [around.stage.clientWidth / 2 - place[0], around.stage.clientHeight / 2 - place[1]]);
    around.refresh();
  }

  /** Zooms so that 1 mm of the patient is 1 mm on the glass; false where the image has no mm. */
  showTrueSize(mmPerPixel: number): boolean {
    const frame = this.around.frame();
    const times = frame && this.around.camera()?.magnification(frame, mmPerPixel);
    if (!times) return false;
    this.zoomBy(1 / times);
    return true;
  }

  zoomBy(factor: number): void {
    this.around.camera()?.zoomBy(factor);
    this.around.refresh();
  }

  /** Zooms by a factor and moves by CSS pixels, as a linked view asks. */
  moveBy(factor: number, pan: readonly [number, number]): void {
    this.around.camera()?.moveBy(factor, pan);
    this.around.refresh();
  }

  /** Whether the whole image is seen, as large as the cell allows. */
  get fits(): boolean {
    const { zoom, pan } = this.view;
    return this.around.frame() !== null && Math.abs(zoom - 1) < 1e-3 && Math.hypot(...pan) < 1;
  }

  /** Fits the view, turned as it is. */
  fit(): void {
    const turn = this.view;
    this.change((camera) => {
      camera.fit();
      camera.turnLike(turn);
    });
  }

  /** The camera moved. */
  moved(): void {
    this.around.refresh();
    if (!this.turning) this.around.viewed();
  }

  private byHand(turn: (camera: Camera) => void): void {
    if (this.change(turn)) this.around.turned();
  }

  /** False when there is nothing to turn. */
  private change(turn: (camera: Camera) => void): boolean {
    const camera = this.around.camera();
    if (!camera || !this.around.frame()) return false;
    this.turning = true;
    turn(camera);
    this.turning = false;
    this.around.redraw();
    return true;
  }
}
