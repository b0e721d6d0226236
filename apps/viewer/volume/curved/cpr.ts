/** CPR as a source of images: one picture for each degree about the curve, so that scrolling turns it (V-29). */
import type { Frame } from '../../frame';
import type { Vector } from '../../orientation';
import type { FramePixels } from '../../pixels';
import type { ImageSource } from '../../source';
import { Computed, likeFrame, type Slab } from '../computed';
import type { Removal } from '../mask';
import { LARGEST } from '../planes';
import { resampleRows, type Pixels, type SlabMode } from '../resample';
import type { Volume } from '../volume';
import { centrelineThrough, type Centreline } from './centreline';
import { unroll, type CprMode, type Unrolled } from './unrolled';

export interface CprSetting {
  /** Set by the reader, LPS mm; at least two different ones. */
  points: readonly Vector[];
  mode: CprMode;
  /** mm across the curve. */
  width: number;
  slab?: Slab | null | undefined;
  /** What is taken for air. */
  removal?: Removal | null | undefined;
}

export const WIDTHS = { least: 10, usual: 60, most: 200 } as const;

/** Pictures go round the curve in whole degrees. */
export const ANGLES = 360;

export class Cpr extends Computed {
  curve: Centreline | null = null;
  private flat = new Map<number, Unrolled>();

  constructor(
    base: ImageSource,
    readonly setting: CprSetting,
  ) {
    super(base);
    this.prepare();
  }

  with(change: Partial<CprSetting>): Cpr {
    return new Cpr(this.base, { ...this.setting, ...change });
  }

  /** How the surface of one picture is laid flat; null before the images are known. */
  surface(index: number): Unrolled | null {
    const { curve, setting } = this;
    if (!curve) return null;
    const kept = this.flat.get(index);
    if (kept) return kept;
    const made = unroll(setting.mode, curve, setting.width, index);
    if (this.flat.size > 8) this.flat.clear();
    this.flat.set(index, made);
    return made;
  }

  protected override get removal(): Removal | null {
    return this.setting.removal ?? null;
  }

  protected compute(volume: Volume, inputs: Pixels, index: number, mode?: SlabMode): FramePixels {
    const slab = this.setting.slab ?? null;
    const surface = this.surface(index) as Unrolled;
    return resampleRows(volume, inputs, surface, (y) => surface.rowAt(y), slab && mode ? { ...slab, mode } : slab);
  }

  protected lay(volume: Volume, like: Frame): { frames: Frame[]; first: number } {
    const { points, mode, slab } = this.setting;
    this.flat.clear();
    const fine = Math.min(volume.spacing[0], volume.spacing[1]);
    const rough = centrelineThrough(points, fine);
    if (!rough) throw new Error('a curve needs two different points');
    this.curve = rough.places.length <= LARGEST ? rough : (centrelineThrough(points, rough.length / (LARGEST - 1)) as Centreline);
    const { rows, columns, spacing } = this.surface(0) as Unrolled;
    const { length } = this.curve;
    const direction = (angle: number): Vector | null => this.surface(angle)?.direction ?? null;
    const frames = Array.from({ length: ANGLES }, (_, index): Frame => ({
      ...likeFrame(like, index, { rows, columns, spacing }),
      thickness: slab?.thickness ?? null,
      curved: {
        mode,
        angle: index,
        slab: slab?.mode ?? null,
        length,
        get direction() {
          return direction(index); // of the picture that is shown only: there are many
        },
      },
    }));
    return { frames, first: 0 };
  }
}
