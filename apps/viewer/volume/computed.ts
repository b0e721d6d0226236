/** Pictures computed from a volume as a source of images: made when they are asked for, from the series' own pixels. */
import type { Frame, SeriesHeader } from '../frame';
import type { FramePixels } from '../pixels';
import type { ImageSource, SeriesKey, SourceEvent, SourcePhase } from '../source';
import type { Removal } from './mask';
import type { Pixels, SlabMode } from './resample';
import { Unsure, UNSURE } from './unsure';
import { FEWEST, volumeOf, type Refusal, type Volume } from './volume';

export interface Slab {
  mode: SlabMode;
  /** mm. */
  thickness: number;
}

/** Nothing can be computed from this series, and why. */
export class NotAVolume extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal);
  }
}

/** Pictures that are kept: scrolling back and forth computes nothing twice. */
const KEPT = 48;

let made = 0;

export abstract class Computed implements ImageSource {
  readonly key: SeriesKey;
  readonly variant = `~${(made += 1)}`;
  header: SeriesHeader | null = null;
  volume: Volume | null = null;
  private refusal: NotAVolume | null = null;
  private pictures = new Map<number, FramePixels>();
  private inputs: Pixels | null = null;
  /** Where what was taken out of it is not sure. */
  unsure: Unsure | null = null;
  private doubts: Pixels | null = null;

  /** A subclass calls `prepare` once its own fields are set. */
  constructor(readonly base: ImageSource) {
    this.key = base.key;
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
    if (!frame) throw new Error(`no picture ${index}`);
    return frame;
  }

  pixels(index: number): FramePixels | null {
    const { volume } = this;
    if (!this.header || !volume || this.base.phase !== 'complete') return null;
    const kept = this.pictures.get(index);
    if (kept) {
      this.pictures.delete(index);
      this.pictures.set(index, kept);
      return kept;
    }
    this.inputs ??= inputsOf(this.base, volume, this.removal);
    if (this.inputs.length < FEWEST) {
      this.refusal = new NotAVolume('fewImages');
      return null;
    }
    const picture = this.compute(volume, this.inputs, index);
    this.pictures.set(index, picture);
    for (const oldest of this.pictures.keys()) {
      if (this.pictures.size <= KEPT) break;
      this.pictures.delete(oldest);
    }
    return picture;
  }

  private doubtful(volume: Volume, index: number): FramePixels | null {
    const { removal } = this;
    if (!removal || !this.pixels(index)) return null; // the cuts are known with the first picture
    this.doubts ??= doubtsOf(this.base, volume, removal);
    return this.compute(volume, this.doubts, index, 'max');
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

  /** What is taken for air. */
  protected get removal(): Removal | null {
    return null;
  }

  /** One picture; `mode`: another one than that of the setting for what a slab becomes. */
  protected abstract compute(volume: Volume, inputs: Pixels, index: number, mode?: SlabMode): FramePixels;

  /** The pictures there are, `like` a received image in the middle, and which one is shown first. */
  protected abstract lay(volume: Volume, like: Frame): { frames: Frame[]; first: number };

  protected prepare(): void {
    const { header } = this.base;
    this.pictures.clear();
    this.inputs = this.header = this.volume = this.refusal = this.unsure = this.doubts = null;
    if (!header) return;
    const volume = volumeOf(header.frames);
    if (typeof volume === 'string') {
      this.refusal = new NotAVolume(volume);
      return;
    }
    this.volume = volume;
    if (this.removal?.unsure) this.unsure = new Unsure((index) => this.doubtful(volume, index));
    const { frames, first } = this.lay(volume, header.frames[volume.cuts[volume.cuts.length >> 1]?.index ?? 0] as Frame);
    this.header = { frames, order: [first], warnings: [...header.warnings, ...(this.removal?.marks ?? [])] };
  }
}

/** The pixels of a volume's cuts. Images that cannot be decoded are no cuts: their neighbours go on, or a gap stays. */
export function inputsOf(base: ImageSource, volume: Volume, removal: Removal | null = null): Pixels {
  volume.cuts = volume.cuts.filter((cut) => base.pixels(cut.index) !== null);
  return volume.cuts.map(({ index }) => {
    const pixels = base.pixels(index) as FramePixels;
    return removal ? removal.from(base.frame(index), pixels) : pixels;
  });
}

/** As the pixels of a volume's cuts: where a removal is not sure. */
function doubtsOf(base: ImageSource, volume: Volume, removal: Removal): Pixels {
  const sure = new Uint8Array(volume.rows * volume.columns);
  return volume.cuts.map(({ index }) => ({ values: removal.unsureIn(base.frame(index), UNSURE) ?? sure, min: 0, max: UNSURE, padding: null }));
}

/** A frame as the rest of the viewer knows it, of square pixels `spacing` mm wide; what only a received image has is empty. */
export function likeFrame(like: Frame, index: number, { rows, columns, spacing }: { rows: number; columns: number; spacing: number }): Frame {
  return {
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
    position: null,
    orientation: null,
    frame_of_reference: null,
    slice_location: null,
    thickness: null,
    patient_position: like.patient_position,
    laterality: null,
    padding: null,
    frame_time: null,
    smallest: null,
    largest: null,
  };
}
