/**
 * The canvas over one image on which an overlay is drawn. It is emptied in the moment another image comes, and drawn when that image has
 * been: a contour never stands on an image that is not its own.
 */
import type { Frame } from '../frame';
import { outline } from './outline';
import type { OverlayLine, OverlayMask, OverlayPoint, Shown } from './overlay';

type ToCanvas = (point: readonly [number, number]) => readonly [number, number];

const LABEL = 80;
const CROSS = 5; // CSS pixels

export class OverlayLayerCanvas {
  readonly canvas = document.createElement('canvas');
  /** Masks of the image on the screen as pictures. */
  private painted = new Map<OverlayMask, HTMLCanvasElement>();
  private filled = false;

  constructor(private readonly parent: HTMLElement) {
    this.canvas.className = 'px-drawing';
    this.canvas.setAttribute('aria-hidden', 'true');
    parent.append(this.canvas);
  }

  clear(): void {
    if (!this.filled) return;
    this.canvas.getContext('2d')?.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.canvas.dataset['shapes'] = '0';
    this.filled = false;
  }

  /** `to`: from a place of the frame to the cell, CSS pixels. */
  draw(overlays: readonly Shown[], frame: Frame | null, to: ToCanvas): void {
    const parts = frame ? overlays.map((overlay) => ({ overlay, shapes: overlay.on(frame) })) : [];
    const count = parts.reduce((sum, { shapes }) => sum + shapes.length, 0);
    this.clear();
    const context = this.canvas.getContext('2d');
    if (!frame || !context || count === 0) {
      this.painted.clear();
      return;
    }
    const dense = devicePixelRatio || 1;
    const [width, height] = [Math.round(this.parent.clientWidth * dense), Math.round(this.parent.clientHeight * dense)];
    if (this.canvas.width !== width || this.canvas.height !== height) [this.canvas.width, this.canvas.height] = [width, height];
    this.filled = true;
    this.canvas.dataset['shapes'] = String(count);
    const masks = parts.map(({ overlay, shapes }) => ({ overlay, masks: shapes.filter((shape) => shape.kind === 'mask') }));
    this.painted = new Map(masks.flatMap(({ overlay, masks: all }) => all.map((mask) => [mask, this.painted.get(mask) ?? paint(mask, overlay.colour(mask.layer))] as const)));
    context.save();
    clip(context, frame, to, dense);
    context.imageSmoothingEnabled = false;
    for (const { overlay, masks: all } of masks) {
      context.globalAlpha = overlay.look.opacity;
      for (const mask of all) lay(context, mask, this.painted.get(mask) as HTMLCanvasElement, to, dense);
    }
    context.restore();
    context.setTransform(dense, 0, 0, dense, 0, 0);
    for (const { overlay, shapes } of parts) for (const shape of shapes) if (shape.kind !== 'mask') trace(context, shape, overlay.colour(shape.layer), to);
    context.setTransform(1, 0, 0, 1, 0, 0);
  }
}

/** A mask as a picture of its own pixels, in full colour. */
function paint(mask: OverlayMask, colour: string): HTMLCanvasElement {
  const picture = document.createElement('canvas');
  [picture.width, picture.height] = [mask.columns, mask.rows];
  const context = picture.getContext('2d');
  if (!context) return picture;
  const image = context.createImageData(mask.columns, mask.rows);
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)) as [number, number, number];
  // as the bytes lie in memory: red first
  const pixel = new Uint32Array(new Uint8Array([red, green, blue, 255]).buffer)[0] as number;
  const pixels = new Uint32Array(image.data.buffer);
  for (let at = 0; at + 1 < mask.runs.length; at += 2) {
    const start = mask.runs[at] as number;
    pixels.fill(pixel, start, start + (mask.runs[at + 1] as number));
  }
  context.putImageData(image, 0, 0);
  return picture;
}

/** Where the frame's first pixel is, and one step to the right and down. */
function axes(to: ToCanvas, dense: number): { origin: [number, number]; right: [number, number]; down: [number, number] } {
  const [zero, x, y] = [to([0, 0]), to([1, 0]), to([0, 1])];
  return {
    origin: [zero[0] * dense, zero[1] * dense],
    right: [(x[0] - zero[0]) * dense, (x[1] - zero[1]) * dense],
    down: [(y[0] - zero[0]) * dense, (y[1] - zero[1]) * dense],
  };
}

/** Nothing is drawn beyond the picture. */
function clip(context: CanvasRenderingContext2D, frame: Frame, to: ToCanvas, dense: number): void {
  const [right, bottom] = [frame.columns - 0.5, frame.rows - 0.5];
  context.beginPath();
  for (const corner of [[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]] as OverlayPoint[]) {
    const [x, y] = to(corner);
    context.lineTo(x * dense, y * dense);
  }
  context.closePath();
  context.clip();
}

function lay(context: CanvasRenderingContext2D, mask: OverlayMask, picture: HTMLCanvasElement, to: ToCanvas, dense: number): void {
  const { origin, right, down } = axes(to, dense);
  // a pixel reaches half a step to each side of its middle
  const [column, row] = [mask.origin[0] - 0.5, mask.origin[1] - 0.5];
  context.setTransform(right[0], right[1], down[0], down[1], origin[0] + column * right[0] + row * down[0], origin[1] + column * right[1] + row * down[1]);
  context.drawImage(picture, 0, 0);
}

function trace(context: CanvasRenderingContext2D, shape: OverlayLine, colour: string, to: ToCanvas): void {
  const first = shape.points[0];
  if (!first) return;
  const [x, y] = to(first);
  const line = outline(shape);
  context.beginPath();
  if (line) {
    for (const point of line.points) context.lineTo(...(to(point) as [number, number]));
    if (line.closed) context.closePath();
  } else if (shape.kind === 'point') {
    for (const [dx, dy] of [[1, 0], [0, 1]] as const) {
      context.moveTo(x - CROSS * dx, y - CROSS * dy);
      context.lineTo(x + CROSS * dx, y + CROSS * dy);
    }
  }
  // dark under bright: seen on bone and on air
  for (const [style, width] of [['rgba(0, 0, 0, .7)', 3.5], [colour, 1.5]] as const) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.stroke();
  }
  if (!shape.label) return;
  context.font = '12px system-ui, "Noto Sans CJK SC", "Microsoft YaHei", sans-serif';
  context.lineWidth = 3;
  context.strokeStyle = 'rgba(0, 0, 0, .8)';
  context.fillStyle = colour;
  const words = shape.label.slice(0, LABEL);
  context.strokeText(words, x + 8, y - 6);
  context.fillText(words, x + 8, y - 6);
}
