/** The air within a body without the air around it: what templates of lung and airway are drawn from. */
import type { RegularGrid } from './regular';

/** Darker than this is air, or lung; HU. */
const AIR = -400;
/** In place of the air around: as dense as soft tissue, which those templates do not show; HU. */
const TISSUE = 50;
/** So much of the skin goes with the air outside: half-filled voxels look like lung. Voxels. */
const SKIN = 2;

/** In each cross-section, air that reaches an edge of the picture is outside (and, with it, the skin). The grid itself stays. */
export function insideOf(grid: RegularGrid): RegularGrid {
  const [nx, ny, nz] = grid.size;
  const values = grid.values.slice();
  const outside = new Uint8Array(nx * ny);
  const queue = new Int32Array(nx * ny);
  for (let z = 0; z < nz; z += 1) {
    const start = z * nx * ny;
    outside.fill(0);
    let [head, tail] = [0, 0];
    const visit = (at: number): void => {
      if (outside[at] || (grid.values[start + at] as number) >= AIR) return;
      outside[at] = 1;
      queue[tail] = at;
      tail += 1;
    };
    for (let x = 0; x < nx; x += 1) {
      visit(x);
      visit((ny - 1) * nx + x);
    }
    for (let y = 0; y < ny; y += 1) {
      visit(y * nx);
      visit(y * nx + nx - 1);
    }
    while (head < tail) {
      const at = queue[head] as number;
      head += 1;
      const x = at % nx;
      if (x > 0) visit(at - 1);
      if (x < nx - 1) visit(at + 1);
      if (at >= nx) visit(at - nx);
      if (at < nx * (ny - 1)) visit(at + nx);
    }
    for (let i = 0; i < tail; i += 1) {
      const at = queue[i] as number;
      const [x, y] = [at % nx, Math.floor(at / nx)];
      for (let v = Math.max(0, y - SKIN); v <= Math.min(ny - 1, y + SKIN); v += 1) {
        for (let u = Math.max(0, x - SKIN); u <= Math.min(nx - 1, x + SKIN); u += 1) values[start + v * nx + u] = Math.max(TISSUE, values[start + v * nx + u] as number);
      }
    }
  }
  return { ...grid, values, blank: TISSUE };
}
