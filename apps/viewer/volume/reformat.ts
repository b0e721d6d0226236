/** Planes through a series as a source of images: computed when they are asked for, from the series' own pixels. */
import type { Frame } from '../frame';
import type { Vector } from '../orientation';
import type { FramePixels } from '../pixels';
import type { ImageSource } from '../source';
import { Computed, likeFrame, type Slab } from './computed';
import type { Removal } from './mask';
import { nearest, originOf, planesOf, type Attitude, type PlaneName, type Planes } from './planes';
import { resample, type Pixels, type SlabMode } from './resample';
import type { Volume } from './volume';

export type { Slab } from './computed';

export interface Setting {
  name: PlaneName;
  attitude?: Attitude | undefined;
  /** One of the planes goes through this point, and is shown first; LPS mm. */
  through?: Vector | null | undefined;
  slab?: Slab | null | undefined;
  /** What is taken for air. */
  removal?: Removal | null | undefined;
}

export class Reformat extends Computed {
  planes: Planes | null = null;

  constructor(
    base: ImageSource,
    readonly setting: Setting,
  ) {
    super(base);
    this.prepare();
  }

  /** The same pictures in another attitude or slab. */
  with(change: Partial<Setting>): Reformat {
    return new Reformat(this.base, { ...this.setting, ...change });
  }

  protected override get removal(): Removal | null {
    return this.setting.removal ?? null;
  }

  protected compute(volume: Volume, inputs: Pixels, index: number, mode?: SlabMode): FramePixels {
    const slab = this.setting.slab ?? null;
    const { row, column, spacing, columns, rows } = this.planes as Planes;
    return resample(volume, inputs, { origin: originOf(this.planes as Planes, index), row, column, spacing, columns, rows }, slab && mode ? { ...slab, mode } : slab);
  }

  protected lay(volume: Volume, like: Frame): { frames: Frame[]; first: number } {
    const { name, attitude, through, slab } = this.setting;
    this.planes = planesOf(volume, name, attitude, through ?? null);
    return { frames: framesOf(this.planes, like, slab ?? null), first: through ? nearest(this.planes, through) : this.planes.depths.length >> 1 };
  }
}

/** Axis of LPS along which planes that are not turned follow each other. */
const AXIS: Record<PlaneName, number> = { sagittal: 0, coronal: 1, axial: 2 };

/** Frames as the rest of the viewer knows them; what only a received image has is empty. */
function framesOf(planes: Planes, like: Frame, slab: Slab | null): Frame[] {
  const { spacing, columns, rows, row, column, depths } = planes;
  const step = depths.length > 1 ? ((depths[depths.length - 1] as number) - (depths[0] as number)) / (depths.length - 1) : spacing;
  return depths.map((_, index) => ({
    ...likeFrame(like, index, { rows, columns, spacing }),
    position: [...originOf(planes, index)],
    orientation: [...row, ...column],
    frame_of_reference: like.frame_of_reference,
    slice_location: planes.turned ? null : (originOf(planes, index)[AXIS[planes.name]] ?? null),
    thickness: slab ? slab.thickness : step,
    plane: { name: planes.name, turned: planes.turned, slab: slab?.mode ?? null, step },
  }));
}
