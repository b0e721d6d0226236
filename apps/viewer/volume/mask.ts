/**
 * Masks of a series (V-34, V-35): which voxels are taken for air in what is computed from it. The received images never change.
 *
 * A mask comes from the masks service (docs/interfaces.md): `[u32 LE length][JSON]`, the bits of the mask, then those of what is not
 * sure, in the order of the frames told in the JSON, the lowest bit of a byte first.
 */
import type { Frame } from '../frame';
import type { FramePixels } from '../pixels';

export type MaskKind = 'bone' | 'table';

/** What is shown where something was taken away, HU. */
const AIR = -1024;

interface Told {
  kind: MaskKind;
  rows: number;
  columns: number;
  /** Voxels of which the computation is not sure. */
  unsure: number;
  frames: { sop_uid: string; frame: number }[];
}

export interface Mask {
  kind: MaskKind;
  rows: number;
  columns: number;
  unsure: number;
  bits: Uint8Array;
  /** Bits of what is not sure. */
  doubt: Uint8Array;
  /** By image: position of its first bit. */
  starts: ReadonlyMap<string, number>;
}

const nameOf = (sopUid: string, frame: number): string => `${sopUid}/${frame}`;

/** @throws Error when the bytes are no mask. */
export function readMask(content: ArrayBuffer): Mask {
  if (content.byteLength < 4) throw new Error('mask: too short');
  const length = new DataView(content).getUint32(0, true);
  if (length > content.byteLength - 4) throw new Error('mask: its header is cut off');
  const told = JSON.parse(new TextDecoder().decode(new Uint8Array(content, 4, length))) as Told;
  const picture = told.rows * told.columns;
  const size = Math.ceil((picture * told.frames.length) / 8);
  if (content.byteLength !== 4 + length + 2 * size) throw new Error('mask: its size is not that of its frames');
  const starts = new Map(told.frames.map(({ sop_uid, frame }, place) => [nameOf(sop_uid, frame), place * picture]));
  return { kind: told.kind, rows: told.rows, columns: told.columns, unsure: told.unsure, bits: new Uint8Array(content, 4 + length, size), doubt: new Uint8Array(content, 4 + length + size, size), starts };
}

/** Some masks of one series together; what they leave of an image is made once. */
export class Removal {
  private readonly left = new Map<string, FramePixels>();

  constructor(readonly masks: readonly Mask[]) {}

  get kinds(): MaskKind[] {
    return this.masks.map(({ kind }) => kind);
  }

  /** What has to stand on every picture, as codes of `warningText`. */
  get marks(): string[] {
    return [...this.kinds.map((kind) => `${kind}_removed`), ...(this.unsure ? ['mask_unsure'] : [])];
  }

  /** Whether there is anything that is not sure. */
  get unsure(): boolean {
    return this.masks.some(({ unsure }) => unsure > 0);
  }

  /** Where it is not sure in an image: `mark` there, 0 elsewhere; null when it is sure everywhere in it. */
  unsureIn(frame: Frame, mark: number): Uint8Array | null {
    let marks: Uint8Array | null = null;
    for (const mask of this.masks) {
      const start = startOf(mask, frame);
      if (start === undefined || mask.unsure === 0) continue;
      for (let at = 0; at < mask.rows * mask.columns; at += 1) {
        if (!has(mask.doubt, start + at)) continue;
        marks ??= new Uint8Array(mask.rows * mask.columns);
        marks[at] = mark;
      }
    }
    return marks;
  }

  /** The pixels of an image with air where a mask is. */
  from(frame: Frame, pixels: FramePixels): FramePixels {
    const name = nameOf(frame.sop_uid, frame.frame);
    const known = this.left.get(name);
    if (known) return known;
    const made = this.masks.reduce((before, mask) => without(before, mask, frame), pixels);
    this.left.set(name, made);
    return made;
  }
}

const has = (bits: Uint8Array, bit: number): boolean => (((bits[bit >> 3] as number) >> (bit & 7)) & 1) === 1;

/** Where the bits of an image begin; none when the mask is not of it. */
function startOf(mask: Mask, frame: Frame): number | undefined {
  return mask.rows === frame.rows && mask.columns === frame.columns ? mask.starts.get(nameOf(frame.sop_uid, frame.frame)) : undefined;
}

function without(pixels: FramePixels, mask: Mask, frame: Frame): FramePixels {
  const start = startOf(mask, frame);
  if (start === undefined) return pixels;
  const signed = pixels.values instanceof Int16Array || pixels.values instanceof Float32Array;
  const air = signed ? AIR : 0;
  const values = pixels.values.slice();
  let any = false;
  for (let at = 0; at < values.length; at += 1) {
    if (has(mask.bits, start + at) && values[at] !== pixels.padding) {
      values[at] = air;
      any = true;
    }
  }
  return any ? { ...pixels, values, min: Math.min(pixels.min, air) } : pixels;
}
