/** What others drew, as the evidence service gives it (docs/interfaces.md, §6a). Points are [column, row], (0, 0) the middle of the first pixel. */
import type { Frame } from '../frame';

export type OverlayPoint = [number, number];

interface Placed {
  layer: number;
  series: string;
  sop_uid: string;
  /** Frame within the instance, from 1; its position in the series. */
  frame: number;
  index: number;
  label?: string;
}

export interface OverlayLine extends Placed {
  /** Ellipse: ends of its two axes; circle: its middle and a point on it. */
  kind: 'point' | 'polyline' | 'polygon' | 'ellipse' | 'circle' | 'text';
  points: OverlayPoint[];
}

export interface OverlayMask extends Placed {
  kind: 'mask';
  /** Column and row of its first pixel in the frame. */
  origin: [number, number];
  rows: number;
  columns: number;
  /** [start, length, …] of the set pixels, row by row. */
  runs: number[];
  pixels: number;
}

export type OverlayShape = OverlayLine | OverlayMask;

export interface OverlayLayer {
  id: number;
  label: string;
  /** `#rrggbb` */
  colour: string;
  detail: string;
}

export interface OverlayData {
  layers: OverlayLayer[];
  shapes: OverlayShape[];
}

/** How it is looked at. */
export interface OverlayLook {
  /** Layers that are switched off. */
  hidden: readonly number[];
  /** Of masks, 0…1; lines are always drawn in full. */
  opacity: number;
}

/** Something drawn over images. */
export interface Shown {
  readonly look: OverlayLook;
  on(frame: Frame): OverlayShape[];
  colour(layer: number): string;
}

const keyOf = (sop: string, frame: number): string => `${sop} ${frame}`;

/** The overlay of one viewer: its shapes by image. */
export class ShownOverlay implements Shown {
  private readonly shapes = new Map<string, OverlayShape[]>();
  private readonly colours = new Map<number, string>();
  look: OverlayLook = { hidden: [], opacity: 0.4 };

  constructor(data: OverlayData) {
    for (const layer of data.layers) this.colours.set(layer.id, /^#[0-9a-f]{6}$/i.test(layer.colour) ? layer.colour : '#e69f00');
    for (const shape of data.shapes) {
      const key = keyOf(shape.sop_uid, shape.frame);
      const there = this.shapes.get(key);
      if (there) there.push(shape);
      else this.shapes.set(key, [shape]);
    }
  }

  /** What is drawn on a frame now. A picture computed from others has none: its pixels are nobody's. */
  on(frame: Frame): OverlayShape[] {
    if (frame.plane || frame.curved) return [];
    return (this.shapes.get(keyOf(frame.sop_uid, frame.frame)) ?? []).filter((shape) => !this.look.hidden.includes(shape.layer));
  }

  colour(layer: number): string {
    return this.colours.get(layer) ?? '#e69f00';
  }
}
