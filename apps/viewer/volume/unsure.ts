/** Where the computation of a mask is not sure, over the pictures that are computed from the volume (V-34): the place to check, not only a warning. */
import type { Frame } from '../frame';
import type { OverlayLook, OverlayMask, Shown } from '../overlays/overlay';
import type { FramePixels } from '../pixels';

/** Of one voxel that is not sure; of the others it is 0. A pixel is drawn from half of it on. */
export const UNSURE = 100;
const COLOUR = '#ffd400';
/** Pictures that are kept. */
const KEPT = 48;

export class Unsure implements Shown {
  readonly look: OverlayLook = { hidden: [], opacity: 0.45 };
  private readonly kept = new Map<number, OverlayMask[]>();

  /** `picture`: as `UNSURE` and 0, in the pixels of the picture with this index; null before it can be computed. */
  constructor(private readonly picture: (index: number) => FramePixels | null) {}

  on(frame: Frame): OverlayMask[] {
    const known = this.kept.get(frame.index);
    if (known) return known;
    const pixels = this.picture(frame.index);
    if (!pixels) return [];
    const found = maskOf(frame, pixels);
    if (this.kept.size >= KEPT) this.kept.clear();
    this.kept.set(frame.index, found);
    return found;
  }

  colour(): string {
    return COLOUR;
  }
}

function maskOf(frame: Frame, { values }: FramePixels): OverlayMask[] {
  const runs: number[] = [];
  let pixels = 0;
  let start = -1;
  for (let at = 0; at <= values.length; at += 1) {
    const set = at < values.length && (values[at] as number) >= UNSURE / 2;
    if (set && start < 0) start = at;
    if (!set && start >= 0) {
      runs.push(start, at - start);
      pixels += at - start;
      start = -1;
    }
  }
  if (pixels === 0) return [];
  return [{ kind: 'mask', layer: 0, series: '', sop_uid: frame.sop_uid, frame: frame.frame, index: frame.index, origin: [0, 0], rows: frame.rows, columns: frame.columns, runs, pixels }];
}
