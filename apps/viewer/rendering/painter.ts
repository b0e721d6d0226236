/**
 * When and how finely a volume is drawn: coarse and at once while it moves, fine and in strips when it rests, so that the page never
 * waits for slow graphics. What was measured decides how coarse.
 */
import { withCuts, type CropBox, type LassoCut } from './cutting';
import type { Eye } from './eye';
import { Raycaster, type Look, type Texture } from './raycaster';
import type { RegularGrid } from './regular';

/** ms a moving picture may take, and one strip of a resting one. */
const MOVING = 60;
const STRIP = 50;
/** Lines of a strip at least: each costs some time of its own. */
const FEWEST = 12;
/** ms a resting picture should take as a whole, and pixels it has at least for each of the screen, one side. */
const WHOLE = 2500;
const LEAST = 0.5;
/** Of a voxel, from sample to sample at rest. */
const PACE = 0.7;
/** After this rest the fine picture begins, ms. */
const REST = 160;
/** Pixels of a moving picture for each of the screen, one side. */
const COARSEST = 0.2;

export interface Scene {
  eye: Eye;
  crop: CropBox;
  look: Look;
}

interface Loaded {
  grid: RegularGrid;
  texture: Texture;
}

export class Painter {
  readonly canvas = document.createElement('canvas');
  private readonly rays = new Raycaster();
  private readonly pen = this.canvas.getContext('2d') as CanvasRenderingContext2D;
  private coarse: Loaded | null = null;
  private fine: Loaded | null = null;
  /** For pictures that have not as many pixels as the screen. */
  private readonly sheet = document.createElement('canvas').getContext('2d') as CanvasRenderingContext2D;
  private cuts: readonly LassoCut[] = [];
  /** Cuts that the fine grid does not have yet. */
  private stale = false;
  /** The fine grid before anything was cut. */
  private whole: RegularGrid | null = null;
  /** What the last thumbnail was drawn from. */
  private sample: Loaded | null = null;
  private quality = 0.5;
  private resting = 0;
  private strip = 0;
  private moving = 0;
  /** ms of the last moving picture, null before the first; and of one of its pixels. */
  took: number | null = null;
  private each = 0;
  /** Whether the fine picture is whole. */
  rested = false;

  constructor(
    private readonly scene: () => Scene,
    private readonly drawn: () => void,
  ) {}

  get lost(): boolean {
    return this.rays.lost;
  }

  /** The source of WebGL's own events. */
  get context(): HTMLCanvasElement {
    return this.rays.canvas;
  }

  /** The finest grid there is, with what was cut. */
  get grid(): RegularGrid | null {
    if (this.stale) this.refine();
    return (this.fine ?? this.coarse)?.grid ?? null;
  }

  take(grid: RegularGrid, fine: boolean): void {
    const cut = { ...grid, values: withCuts(grid, this.cuts) };
    const before = fine ? this.fine : this.coarse;
    if (before) this.rays.drop(before.texture);
    const loaded = { grid: cut, texture: this.rays.upload(cut, cut.values) };
    if (fine) [this.fine, this.stale] = [loaded, false];
    else this.coarse = loaded;
  }

  /** Other cuts on the same grids, given whole. */
  cut(cuts: readonly LassoCut[], coarse: RegularGrid, fine: RegularGrid | null): void {
    this.cuts = cuts;
    this.take(coarse, false);
    this.whole = fine;
    this.stale = fine !== null;
    this.move();
  }

  private refine(): void {
    if (this.whole) this.take(this.whole, true);
    this.stale = false;
  }

  resize(width: number, height: number): void {
    const ratio = Math.min(1.5, window.devicePixelRatio || 1);
    const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
    if (this.canvas.width === w && this.canvas.height === h) return;
    [this.canvas.width, this.canvas.height] = [w, h];
    this.move();
  }

  /** The scene changed: a coarse picture with the next frame, the fine one when it rests. */
  move(): void {
    this.halt();
    this.rested = false;
    if (this.moving) return;
    this.moving = requestAnimationFrame(() => {
      this.moving = 0;
      this.paintCoarse();
    });
  }

  /** A small picture of a grid onto another canvas. */
  thumbnail(grid: RegularGrid, look: Look, eye: Eye, crop: CropBox, onto: HTMLCanvasElement): void {
    if (this.lost) return;
    this.halt();
    this.rays.setLook(look);
    const own = this.sample?.grid === grid ? this.sample : { grid, texture: this.rays.upload(grid, grid.values) };
    if (this.sample && this.sample !== own) this.rays.drop(this.sample.texture);
    this.sample = own;
    const shot = { eye, crop, width: onto.width, height: onto.height, pace: grid.spacing };
    (onto.getContext('2d') as CanvasRenderingContext2D).putImageData(this.rays.draw(own.texture, shot, onto.width, onto.height), 0, 0);
    this.rest();
  }

  dispose(): void {
    this.halt();
    cancelAnimationFrame(this.moving);
    this.rays.dispose();
    this.canvas.remove();
    this.coarse = this.fine = this.sample = this.whole = null;
  }

  private halt(): void {
    window.clearTimeout(this.resting);
    window.clearTimeout(this.strip);
    this.resting = this.strip = 0;
  }

  private rest(): void {
    this.halt();
    this.resting = window.setTimeout(() => this.paintFine(), REST);
  }

  private paintCoarse(): void {
    const { coarse, canvas, rays } = this;
    if (!coarse || this.lost || canvas.width < 2) return;
    const { eye, crop, look } = this.scene();
    rays.setLook(look);
    const [width, height] = [this.css(canvas.width), this.css(canvas.height)];
    const [columns, rows] = [Math.max(8, Math.round(width * this.quality)), Math.max(8, Math.round(height * this.quality))];
    const began = performance.now();
    this.put(rays.draw(coarse.texture, { eye, crop, width, height, pace: coarse.grid.spacing }, columns, rows), columns, rows, 0);
    this.took = performance.now() - began;
    this.each = this.took / (columns * rows);
    // Time goes with the number of pixels; half of the way, so that one slow frame does not blur the next ones.
    this.quality = Math.min(1, Math.max(COARSEST, this.quality * (0.5 + 0.5 * Math.sqrt(MOVING / Math.max(1, this.took)))));
    this.drawn();
    this.rest();
  }

  private css(pixels: number): number {
    return pixels / Math.min(1.5, window.devicePixelRatio || 1);
  }

  /** Lines of a picture of columns × rows, counted from the bottom, onto the page at its size. */
  private put(lines: ImageData, columns: number, rows: number, from: number): void {
    const { canvas, pen, sheet } = this;
    const top = rows - from - lines.height;
    if (columns === canvas.width && rows === canvas.height) return pen.putImageData(lines, 0, top);
    if (sheet.canvas.width !== columns || sheet.canvas.height !== rows) [sheet.canvas.width, sheet.canvas.height] = [columns, rows];
    sheet.putImageData(lines, 0, top);
    const [across, down] = [canvas.width / columns, canvas.height / rows];
    pen.drawImage(sheet.canvas, 0, top, columns, lines.height, 0, top * down, columns * across, lines.height * down);
  }

  private paintFine(): void {
    if (this.stale) this.refine();
    const loaded = this.fine ?? this.coarse;
    const { canvas, rays, coarse } = this;
    if (!loaded || !coarse || this.lost) return;
    const { eye, crop, look } = this.scene();
    rays.setLook(look);
    const pace = PACE * loaded.grid.spacing;
    // As fine as fits the time: what is expected goes with the pixels and with the steps of a ray.
    const expected = (this.each * canvas.width * canvas.height * coarse.grid.spacing) / pace;
    const scale = Math.min(1, Math.max(LEAST, Math.sqrt(WHOLE / Math.max(1, expected))));
    const [columns, rows] = [Math.round(canvas.width * scale), Math.round(canvas.height * scale)];
    const shot = { eye, crop, width: this.css(canvas.width), height: this.css(canvas.height), pace };
    let [from, lines] = [0, Math.ceil(rows / 24)];
    const next = (): void => {
      this.strip = 0;
      if (this.lost) return;
      const count = Math.min(lines, rows - from);
      const began = performance.now();
      this.put(rays.draw(loaded.texture, shot, columns, rows, from, count), columns, rows, from);
      const took = performance.now() - began;
      from += count;
      lines = Math.min(rows, Math.max(FEWEST, Math.round((count * STRIP) / Math.max(1, took))));
      if (from < rows) this.strip = window.setTimeout(next);
      else {
        this.rested = true;
        this.drawn();
      }
    };
    next();
  }
}
