/** Planes through a series as a source of images: computed when they are asked for, from the series' own pixels. */
import type { Frame, SeriesHeader } from '../frame';
import type { Vector } from '../orientation';
import type { FramePixels } from '../pixels';
import type { ImageSource, SeriesKey, SourceEvent, SourcePhase } from '../source';
import type { Removal } from './mask';
import { originOf, planesOf, type Attitude, type PlaneName, type Planes } from './planes';
import { resample, type Pixels, type SlabMode } from './resample';
import { FEWEST, volumeOf, type Refusal, type Volume } from './volume';

export interface Slab {
  mode: SlabMode;
  /** mm. */
  thickness: number;
}

export interface Setting {
  name: PlaneName;
  attitude?: Attitude | undefined;
  /** One of the planes goes through this point, LPS mm. */
  through?: Vector | null | undefined;
  slab?: Slab | null | undefined;
  /** What is taken for air. */
  removal?: Removal | null | undefined;
}

/** This series cannot be cut in other planes, and why. */
export class NotAVolume extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal);
  }
}

/** Computed pictures that are kept: scrolling back and forth computes nothing twice. */
const KEPT = 48;

let made = 0;

export class Reformat implements ImageSource {
  readonly key: SeriesKey;
  readonly variant = `~${(made += 1)}`;
  header: SeriesHeader | null = null;
  planes: Planes | null = null;
  volume: Volume | null = null;
  private refusal: NotAVolume | null = null;
  private pictures = new Map<number, FramePixels>();
  private inputs: Pixels | null = null;

  constructor(
    readonly base: ImageSource,
    readonly setting: Setting,
  ) {
    this.key = base.key;
    this.prepare();
  }

  get phase(): SourcePhase {
    return this.refusal ? 'failed' : this.base.phase;
  }

  get problem(): unknown {
    return this.refusal ?? this.base.problem;
  }

  get loaded(): number {
    return this.base.loaded;
  }

  get total(): number {
    return this.base.total;
  }

  listen(listener: (event: SourceEvent) => void): () => void {
    return this.base.listen((event) => {
      if (event.type === 'header') {
        this.prepare();
        listener(this.refusal ? { type: 'phase' } : event);
      } else if (event.type === 'phase') listener(event);
      else listener({ type: 'frame', index: -1 }); // progress; the indexes here are other ones
    });
  }

  frame(index: number): Frame {
    const frame = this.header?.frames[index];
    if (!frame) throw new Error(`no plane ${index}`);
    return frame;
  }

  pixels(index: number): FramePixels | null {
    const { planes, volume } = this;
    if (!planes || !volume || this.base.phase !== 'complete') return null;
    const kept = this.pictures.get(index);
    if (kept) {
      this.pictures.delete(index);
      this.pictures.set(index, kept);
      return kept;
    }
    this.inputs ??= this.inputsOf(volume);
    const { row, column, spacing, columns, rows } = planes;
    if (this.inputs.length < FEWEST) {
      this.refusal = new NotAVolume('fewImages');
      return null;
    }
    const picture = resample(volume, this.inputs, { origin: originOf(planes, index), row, column, spacing, columns, rows }, this.setting.slab ?? null);
    this.pictures.set(index, picture);
    for (const oldest of this.pictures.keys()) {
      if (this.pictures.size <= KEPT) break;
      this.pictures.delete(oldest);
    }
    return picture;
  }

  broken(): boolean {
    return false;
  }

  arrival(index: number): Promise<FramePixels> {
    return new Promise((resolve, reject) => {
      const settle = (): boolean => {
        const pixels = this.pixels(index);
        if (pixels) resolve(pixels);
        else if (this.phase === 'failed') reject(this.problem instanceof Error ? this.problem : new Error('the series did not arrive'));
        else return false;
        return true;
      };
      if (settle()) return;
      const stop = this.base.listen(() => {
        if (settle()) stop();
      });
    });
  }

  hold(ready: Promise<void>): void {
    this.base.hold(ready);
  }

  /** The same pictures in another attitude or slab. */
  with(change: Partial<Setting>): Reformat {
    return new Reformat(this.base, { ...this.setting, ...change });
  }

  /** Images that cannot be decoded are no cuts: their neighbours go on, or a gap stays. */
  private inputsOf(volume: Volume): Pixels {
    volume.cuts = volume.cuts.filter((cut) => this.base.pixels(cut.index) !== null);
    const { removal } = this.setting;
    return volume.cuts.map(({ index }) => {
      const pixels = this.base.pixels(index) as FramePixels;
      return removal ? removal.from(this.base.frame(index), pixels) : pixels;
    });
  }

  private prepare(): void {
    const { header } = this.base;
    this.pictures.clear();
    this.inputs = this.header = this.planes = this.volume = this.refusal = null;
    if (!header) return;
    const volume = volumeOf(header.frames);
    if (typeof volume === 'string') {
      this.refusal = new NotAVolume(volume);
      return;
    }
    const { name, attitude, through, slab, removal } = this.setting;
    this.volume = volume;
    this.planes = planesOf(volume, name, attitude, through ?? null);
    this.header = { frames: framesOf(this.planes, header.frames[volume.cuts[volume.cuts.length >> 1]?.index ?? 0] as Frame, slab ?? null), order: [this.planes.depths.length >> 1], warnings: [...header.warnings, ...(removal?.marks ?? [])] };
  }
}

/** Axis of LPS along which planes that are not turned follow each other. */
const AXIS: Record<PlaneName, number> = { sagittal: 0, coronal: 1, axial: 2 };

/** Frames as the rest of the viewer knows them; what only a received image has is empty. */
function framesOf(planes: Planes, like: Frame, slab: Slab | null): Frame[] {
  const { spacing, columns, rows, row, column, depths } = planes;
  const step = depths.length > 1 ? ((depths[depths.length - 1] as number) - (depths[0] as number)) / (depths.length - 1) : spacing;
  return depths.map((_, index) => ({
    index,
    sop_uid: '',
    frame: index,
    number: null,
    rows,
    columns,
    bits: 16,
    signed: true,
    samples: 1,
    photometric: like.photometric,
    ...(like.inverse === undefined ? {} : { inverse: like.inverse }),
    slope: 1,
    intercept: 0,
    rescale_type: like.rescale_type,
    windows: like.windows,
    ...(like.luts ? { luts: like.luts } : {}),
    spacing: [spacing, spacing],
    spacing_kind: 'pixel',
    position: [...originOf(planes, index)],
    orientation: [...row, ...column],
    frame_of_reference: like.frame_of_reference,
    slice_location: planes.turned ? null : (originOf(planes, index)[AXIS[planes.name]] ?? null),
    thickness: slab ? slab.thickness : step,
    patient_position: like.patient_position,
    laterality: null,
    padding: null,
    frame_time: null,
    smallest: null,
    largest: null,
    plane: { name: planes.name, turned: planes.turned, slab: slab?.mode ?? null, step },
  }));
}
