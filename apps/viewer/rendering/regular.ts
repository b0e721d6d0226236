/** A volume on a regular grid for drawing: cubes along the patient's axes (LPS), sampled where the cuts really lie. */
import type { Vector } from '../orientation';
import { sampleLine, type Pixels } from '../volume/resample';
import { cornersOf, type Volume } from '../volume/volume';

export interface RegularGrid {
  /** Voxels along the patient's left, back and head. */
  size: [number, number, number];
  /** Side of a voxel, mm. */
  spacing: number;
  /** Corner of the grid (not the middle of a voxel), LPS mm. */
  corner: Vector;
  /** x fastest; `blank` where there is nothing. */
  values: Float32Array;
  /** Darkest of all, unless what is drawn says otherwise. */
  blank: number;
  least: number;
  most: number;
}

/** Time that may pass until the page is drawn again, ms. */
const SHARE = 12;

/**
 * Samples a volume on a grid whose longest side has at most `most` voxels, none finer than the pixels. Gives the page its turn in
 * between; null when `stopped` said so.
 */
export async function regularGrid(volume: Volume, pixels: Pixels, most: number, stopped: () => boolean): Promise<RegularGrid | null> {
  const corners = cornersOf(volume);
  const ends = ([0, 1, 2] as const).map((axis) => [Math.min(...corners.map((one) => one[axis])), Math.max(...corners.map((one) => one[axis]))] as const);
  const sides = ends.map(([from, to]) => to - from);
  const spacing = Math.max(Math.min(...volume.spacing), Math.max(...sides) / most);
  const size = sides.map((side) => Math.max(2, Math.round(side / spacing))) as [number, number, number];
  const corner = ends.map(([from, to], axis) => (from + to - (size[axis] as number) * spacing) / 2) as unknown as Vector;
  const least = Math.min(...pixels.map((one) => one.min));
  const most_ = Math.max(...pixels.map((one) => one.max));
  const [nx, ny, nz] = size;
  const values = new Float32Array(nx * ny * nz);
  const line = new Float32Array(nx);
  let since = performance.now();
  for (let z = 0; z < nz; z += 1) {
    for (let y = 0; y < ny; y += 1) {
      sampleLine(volume, pixels, [corner[0] + spacing / 2, corner[1] + (y + 0.5) * spacing, corner[2] + (z + 0.5) * spacing], [1, 0, 0], spacing, line);
      const at = (z * ny + y) * nx;
      for (let x = 0; x < nx; x += 1) values[at + x] = Number.isNaN(line[x]) ? least : (line[x] as number);
    }
    if (performance.now() - since > SHARE) {
      await new Promise((resolve) => setTimeout(resolve));
      if (stopped()) return null;
      since = performance.now();
    }
  }
  return { size, spacing, corner, values, blank: least, least, most: most_ };
}

/** Value at a place between the voxels (LPS mm), trilinear; null outside. */
export function valueAt({ size, spacing, corner, values }: RegularGrid, place: Vector): number | null {
  const at = place.map((part, axis) => (part - (corner[axis] as number)) / spacing - 0.5);
  if (at.some((part, axis) => part < -0.5 || part > (size[axis] as number) - 0.5)) return null;
  const low = at.map((part, axis) => Math.min(Math.max(0, Math.floor(part)), (size[axis] as number) - 2)) as [number, number, number];
  const part = at.map((one, axis) => Math.min(1, Math.max(0, one - (low[axis] as number)))) as [number, number, number];
  const [nx, ny] = size;
  let sum = 0;
  for (let corner8 = 0; corner8 < 8; corner8 += 1) {
    const [x, y, z] = [corner8 & 1, (corner8 >> 1) & 1, corner8 >> 2];
    const weight = (x ? part[0] : 1 - part[0]) * (y ? part[1] : 1 - part[1]) * (z ? part[2] : 1 - part[2]);
    if (weight > 0) sum += weight * (values[((low[2] + z) * ny + low[1] + y) * nx + low[0] + x] as number);
  }
  return sum;
}

/** The value below which a share (0…1) of the voxels with data lies; for images whose values have no unit. */
export function quantile({ values, least, most }: RegularGrid, share: number): number {
  const bins = new Uint32Array(1024);
  let count = 0;
  for (let i = 0; i < values.length; i += 7) {
    const value = values[i] as number;
    if (value <= least) continue;
    const bin = Math.min(1023, Math.floor(((value - least) / (most - least || 1)) * 1024));
    bins[bin] = (bins[bin] as number) + 1;
    count += 1;
  }
  let seen = 0;
  for (let bin = 0; bin < 1024; bin += 1) {
    seen += bins[bin] as number;
    if (seen >= share * count) return least + ((bin + 1) / 1024) * (most - least);
  }
  return most;
}
