/** What is taken away of a volume before it is drawn: outside a box, and inside or outside a lasso. LPS mm. */
import type { Vector } from '../orientation';
import { toScreen, type Eye } from './eye';
import type { RegularGrid } from './regular';

/** Low and high along the patient's left, back and head; shares 0…1 of the grid. */
export type CropBox = readonly [readonly [number, number], readonly [number, number], readonly [number, number]];

export const WHOLE: CropBox = [[0, 1], [0, 1], [0, 1]];

/** The box without nonsense: within the grid, and never empty. */
export function validBox(box: CropBox): CropBox {
  const side = ([low, high]: readonly [number, number]): readonly [number, number] => {
    const from = Number.isFinite(low) ? Math.min(Math.max(0, low), 0.98) : 0;
    return [from, Number.isFinite(high) ? Math.max(from + 0.02, Math.min(1, high)) : 1];
  };
  return [side(box[0]), side(box[1]), side(box[2])];
}

/** Drawn on the screen as it was then; everything before and behind it goes, or everything else. */
export interface LassoCut {
  eye: Eye;
  /** CSS pixels from the middle of the picture; closed by itself. */
  outline: readonly (readonly [number, number])[];
  take: 'inside' | 'outside';
}

/** Side of the stencil a lasso is drawn into, pixels. */
const STENCIL = 512;

/** The values of a grid without what the cuts take: that becomes `blank`. The grid itself stays. */
export function withCuts(grid: RegularGrid, cuts: readonly LassoCut[]): Float32Array {
  if (cuts.length === 0) return grid.values;
  const values = grid.values.slice();
  for (const cut of cuts) take(grid, values, cut);
  return values;
}

function take({ size, spacing, corner, blank }: RegularGrid, values: Float32Array, { eye, outline, take: side }: LassoCut): void {
  const [xs, ys] = [outline.map(([x]) => x), outline.map(([, y]) => y)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const fine = Math.max(Math.max(...xs) - left, Math.max(...ys) - top, 1) / STENCIL;
  const stencil = stencilOf(outline.map(([x, y]) => [(x - left) / fine, (y - top) / fine]));
  const [nx, ny, nz] = size;
  // A step of one voxel along the patient's axes moves so far on the stencil: the projection is parallel.
  const start = toScreen(eye, [corner[0] + spacing / 2, corner[1] + spacing / 2, corner[2] + spacing / 2]);
  const go = ([[1, 0, 0], [0, 1, 0], [0, 0, 1]] as Vector[]).map((axis) => {
    const [x, y] = toScreen(eye, [corner[0] + spacing / 2 + axis[0] * spacing, corner[1] + spacing / 2 + axis[1] * spacing, corner[2] + spacing / 2 + axis[2] * spacing]);
    return [(x - start[0]) / fine, (y - start[1]) / fine] as const;
  }) as [readonly [number, number], readonly [number, number], readonly [number, number]];
  const gone = side === 'inside' ? 1 : 0;
  for (let z = 0; z < nz; z += 1) {
    for (let y = 0; y < ny; y += 1) {
      let u = (start[0] - left) / fine + go[1][0] * y + go[2][0] * z;
      let v = (start[1] - top) / fine + go[1][1] * y + go[2][1] * z;
      const row = (z * ny + y) * nx;
      for (let x = 0; x < nx; x += 1, u += go[0][0], v += go[0][1]) {
        const inside = u >= 0 && v >= 0 && u < STENCIL && v < STENCIL ? (stencil[Math.floor(v) * STENCIL + Math.floor(u)] as number) : 0;
        if (inside === gone) values[row + x] = blank;
      }
    }
  }
}

/** 1 inside a closed outline (even-odd), line by line. */
function stencilOf(outline: readonly (readonly [number, number])[]): Uint8Array {
  const stencil = new Uint8Array(STENCIL * STENCIL);
  for (let y = 0; y < STENCIL; y += 1) {
    const level = y + 0.5;
    const crossings: number[] = [];
    outline.forEach(([ax, ay], i) => {
      const [bx, by] = outline[(i + 1) % outline.length] as readonly [number, number];
      if (ay > level !== by > level) crossings.push(ax + ((level - ay) / (by - ay)) * (bx - ax));
    });
    crossings.sort((a, b) => a - b);
    for (let i = 0; i + 1 < crossings.length; i += 2) stencil.fill(1, y * STENCIL + Math.max(0, Math.ceil((crossings[i] as number) - 0.5)), y * STENCIL + Math.min(STENCIL, Math.max(0, Math.ceil((crossings[i + 1] as number) - 0.5))));
  }
  return stencil;
}
