/**
 * Livewire (Mortensen & Barrett, SIGGRAPH 1995): the cheapest way from a place to any other, where pixels on strong edges are cheap.
 * Dijkstra's algorithm on the eight neighbours, as far as it has been asked for, in a neighbourhood of the start.
 */
import type { ImagePoint } from './length';

export interface Grey {
  /** rows × columns × samples, row by row. */
  values: ArrayLike<number>;
  columns: number;
  rows: number;
  samples: number;
}

/** Pixels around the start. */
const REACH = 256;
/** Cost of a step where there is no edge; on the strongest edge it is 1. */
const FLAT = 60;
const NEIGHBOURS: readonly (readonly [number, number])[] = [[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [1, -1], [-1, 1], [-1, -1]];

export class Livewire {
  private readonly left: number;
  private readonly top: number;
  private readonly width: number;
  private readonly height: number;
  private readonly start: number;
  /** Of a step to the pixel. */
  private readonly cost: Uint8Array;
  private readonly distance: Float64Array;
  private readonly from: Int32Array;
  private readonly settled: Uint8Array;
  /** Pixels by distance (Dial 1969): costs are small integers, so that buckets need no sorting. */
  private buckets: number[][] = [];
  private at = 0;

  constructor(grey: Grey, [x, y]: ImagePoint) {
    const { columns, rows } = grey;
    const [column, row] = [limited(x, columns), limited(y, rows)];
    this.left = Math.max(0, column - REACH);
    this.top = Math.max(0, row - REACH);
    this.width = Math.min(columns, column + REACH + 1) - this.left;
    this.height = Math.min(rows, row + REACH + 1) - this.top;
    this.cost = this.costs(grey);
    const count = this.width * this.height;
    this.distance = new Float64Array(count).fill(Infinity);
    this.from = new Int32Array(count).fill(-1);
    this.settled = new Uint8Array(count);
    this.start = (row - this.top) * this.width + column - this.left;
    this.distance[this.start] = 0;
    this.buckets[0] = [this.start];
  }

  /** Middles of the pixels on the way to a place, from the start on; beyond the neighbourhood it goes on straight. */
  to([x, y]: ImagePoint): ImagePoint[] {
    const [column, row] = [limited(x - this.left, this.width), limited(y - this.top, this.height)];
    const target = row * this.width + column;
    this.settle(target);
    const way: ImagePoint[] = [];
    for (let one = target; one >= 0; one = this.from[one] as number) way.push([this.left + (one % this.width), this.top + Math.floor(one / this.width)]);
    return way.reverse();
  }

  private settle(target: number): void {
    const { width, height, buckets, distance, settled, cost, from } = this;
    while (!settled[target] && this.at < buckets.length) {
      const one = buckets[this.at]?.pop();
      if (one === undefined) {
        this.at += 1;
        continue;
      }
      if (settled[one]) continue;
      settled[one] = 1;
      const [column, row] = [one % width, Math.floor(one / width)];
      for (const [dx, dy] of NEIGHBOURS) {
        const [u, v] = [column + dx, row + dy];
        if (u < 0 || v < 0 || u >= width || v >= height) continue;
        const next = v * width + u;
        if (settled[next]) continue;
        // 5 and 7: a diagonal step is √2 as long.
        const reached = (distance[one] as number) + (cost[next] as number) * (dx !== 0 && dy !== 0 ? 7 : 5);
        if (reached >= (distance[next] as number)) continue;
        distance[next] = reached;
        from[next] = one;
        (buckets[reached] ??= []).push(next);
      }
    }
  }

  /** 1 on the strongest edges to FLAT where the image is flat. Strong is what stands out of the neighbourhood: one metal clip does not hide the rest. */
  private costs({ values, columns, rows, samples }: Grey): Uint8Array {
    const value = (x: number, y: number): number => {
      const place = (Math.min(rows - 1, Math.max(0, y)) * columns + Math.min(columns - 1, Math.max(0, x))) * samples;
      let sum = 0;
      for (let part = 0; part < samples; part += 1) sum += values[place + part] as number;
      return sum;
    };
    const gradient = new Float64Array(this.width * this.height);
    let [sum, squares, most] = [0, 0, 0];
    for (let row = 0; row < this.height; row += 1) {
      for (let column = 0; column < this.width; column += 1) {
        const [x, y] = [this.left + column, this.top + row];
        const strength = Math.hypot(value(x + 1, y) - value(x - 1, y), value(x, y + 1) - value(x, y - 1));
        gradient[row * this.width + column] = strength;
        sum += strength;
        squares += strength * strength;
        most = Math.max(most, strength);
      }
    }
    const mean = sum / gradient.length;
    const strong = Math.min(most, mean + 4 * Math.sqrt(Math.max(0, squares / gradient.length - mean * mean)));
    return Uint8Array.from(gradient, (strength) => (strong > 0 ? Math.round(1 + (FLAT - 1) * (1 - Math.min(1, strength / strong))) : FLAT));
  }
}

function limited(place: number, count: number): number {
  return Math.min(count - 1, Math.max(0, Math.round(place)));
}
