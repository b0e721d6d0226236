/** The magnifier (V-7): the image under the pointer drawn from its pixels, so that a large picture shows what the screen cannot. */
import type { Frame } from './frame';
import type { FramePixels } from './pixels';

/** CSS pixels of its diameter. */
export const DIAMETER = 240;
export const MAGNIFICATION = 2.5;

export interface Lens {
  frame: Frame;
  pixels: FramePixels;
  /** Grey 0 … 1 of a modality value, as the cell draws it. */
  grey(value: number): number;
  /** Pixel of the image (column, row) under a point of the cell, CSS pixels. */
  indexOf(canvas: readonly [number, number]): readonly [number, number];
}

export class Magnifier {
  private readonly canvas = document.createElement('canvas');

  constructor(parent: HTMLElement) {
    this.canvas.className = 'px-magnifier';
    this.canvas.width = this.canvas.height = DIAMETER;
    this.canvas.hidden = true;
    parent.append(this.canvas);
  }

  hide(): void {
    this.canvas.hidden = true;
  }

  /** Around a point of the cell. At least one screen pixel shows each image pixel. */
  show(lens: Lens, at: readonly [number, number]): void {
    const { canvas } = this;
    canvas.hidden = false;
    canvas.style.left = `${at[0] - DIAMETER / 2}px`;
    canvas.style.top = `${at[1] - DIAMETER / 2}px`;
    const context = canvas.getContext('2d');
    if (!context) return;
    const picture = context.createImageData(DIAMETER, DIAMETER);
    drawLens(lens, at, picture.data);
    context.putImageData(picture, 0, 0);
  }
}

/** Fills RGBA pixels of the lens; outside the image it is black. */
export function drawLens(lens: Lens, at: readonly [number, number], data: Uint8ClampedArray): void {
  const { frame, indexOf } = lens;
  const [origin, right, down] = [indexOf(at), indexOf([at[0] + 1, at[1]]), indexOf([at[0], at[1] + 1])];
  // The image's pixels for one CSS pixel, and not more than one of them in the lens.
  const size = Math.hypot(right[0] - origin[0], right[1] - origin[1]);
  const shrink = 1 / Math.max(MAGNIFICATION, size);
  const across = [(right[0] - origin[0]) * shrink, (right[1] - origin[1]) * shrink] as const;
  const along = [(down[0] - origin[0]) * shrink, (down[1] - origin[1]) * shrink] as const;
  for (let y = 0; y < DIAMETER; y += 1) {
    for (let x = 0; x < DIAMETER; x += 1) {
      const [dx, dy] = [x - DIAMETER / 2, y - DIAMETER / 2];
      const column = origin[0] + across[0] * dx + along[0] * dy;
      const row = origin[1] + across[1] * dx + along[1] * dy;
      const to = (y * DIAMETER + x) * 4;
      data[to + 3] = 255;
      for (let channel = 0; channel < 3; channel += 1) data[to + channel] = 0;
      if (column < -0.5 || row < -0.5 || column > frame.columns - 0.5 || row > frame.rows - 0.5) continue;
      const colour = frame.samples === 3;
      for (let channel = 0; channel < 3; channel += 1) {
        data[to + channel] = colour || channel === 0 ? Math.round(255 * lens.grey(between(lens, column, row, channel))) : (data[to] as number);
      }
    }
  }
}

/** Linear between four pixels; padding is not mixed with its neighbours. */
function between({ frame, pixels }: Lens, column: number, row: number, channel: number): number {
  const { columns, rows, samples } = frame;
  const [x, y] = [Math.min(Math.max(column, 0), columns - 1), Math.min(Math.max(row, 0), rows - 1)];
  const [x0, y0] = [Math.floor(x), Math.floor(y)];
  const [x1, y1] = [Math.min(x0 + 1, columns - 1), Math.min(y0 + 1, rows - 1)];
  const at = (cx: number, cy: number): number => pixels.values[(cy * columns + cx) * samples + channel] as number;
  const top = at(x0, y0) + (at(x1, y0) - at(x0, y0)) * (x - x0);
  const low = at(x0, y1) + (at(x1, y1) - at(x0, y1)) * (x - x0);
  return top + (low - top) * (y - y0);
}
