/**
 * How a computed picture lies in the patient, as plain data: enough to compute the same one again (key images, the second window).
 * Places and lengths LPS mm, directions unit vectors.
 */
import type { Cell } from './cell';
import { originOf, ATTITUDES, type PlaneName } from './volume/planes';
import { dot } from './geometry';
import type { Vector } from './orientation';
import type { CropBox } from './rendering/cutting';
import type { Bend } from './rendering/templates';
import type { ImageSource } from './source';
import { Cpr, type CprSetting } from './volume/curved/cpr';
import type { CprMode } from './volume/curved/unrolled';
import type { Removal } from './volume/mask';
import { Reformat, type Setting, type Slab } from './volume/reformat';

/** A plane (V-27, V-28): to the right and down on an upright picture. */
export interface PlaneReconstruction {
  made: 'mpr';
  plane: PlaneName;
  row: Vector;
  column: Vector;
  /** In the plane, and in the middle of the view. */
  through: Vector;
  slab: Slab | null;
}

/** A CPR (V-29). */
export interface CurvedReconstruction {
  made: 'cpr';
  points: readonly Vector[];
  mode: CprMode;
  /** Across the curve. */
  width: number;
  /** About the curve, whole degrees. */
  angle: number;
  slab: Slab | null;
}

/** A volume rendering (V-32): from where it is seen, through which template, and what is cropped away; not what a lasso has cut. */
export interface SolidReconstruction {
  made: 'rendering';
  /** Into the screen. */
  onward: Vector;
  up: Vector;
  /** In the middle of the view. */
  centre: Vector;
  /** Of the patient from the top of the view to its bottom. */
  height: number;
  template: string;
  bend: Bend;
  crop: CropBox;
}

export type Reconstruction = PlaneReconstruction | CurvedReconstruction | SolidReconstruction;

/** Of what a cell shows; null for received images, and before there is a picture. */
export function reconstructionOf(cell: Cell): Reconstruction | null {
  if (cell.solid) return cell.solid.seen();
  const { series } = cell;
  if (series instanceof Cpr) {
    const { points, mode, width, slab } = series.setting;
    return cell.index < 0 ? null : { made: 'cpr', points, mode, width, angle: cell.index, slab: slab ?? null };
  }
  const frame = cell.currentFrame();
  if (!(series instanceof Reformat) || !series.planes || !frame) return null;
  const { name, row, column } = series.planes;
  return { made: 'mpr', plane: name, row, column, through: cell.midst() ?? originOf(series.planes, cell.index), slab: series.setting.slab ?? null };
}

/** What makes a plane the one it was. */
export function standingOf({ plane, row, column, through, slab }: PlaneReconstruction): Setting {
  const usual = ATTITUDES[plane];
  const turned = dot(usual.row, row) < 1 - 1e-9 || dot(usual.column, column) < 1 - 1e-9;
  return { name: plane, attitude: turned ? { row, column } : undefined, through, slab };
}

export const curveOf = ({ points, mode, width, slab }: CurvedReconstruction): CprSetting => ({ points, mode, width, slab });

/** The pictures it is one of; null for a rendering, which is no stack of pictures. */
export function sourceOf(reconstruction: Reconstruction, series: ImageSource, removal: Removal | null): ImageSource | null {
  if (reconstruction.made === 'mpr') return new Reformat(series, { ...standingOf(reconstruction), removal });
  return reconstruction.made === 'cpr' ? new Cpr(series, { ...curveOf(reconstruction), removal }) : null;
}
