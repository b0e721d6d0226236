/** Key images: which pictures a reader chose, as plain data, and what the viewer knows of them. */
import { freshId } from '../desk/shell/freshId';
import type { WindowSetting } from './api';
import type { Cell } from './cell';
import { reconstructionOf, type Reconstruction } from './reconstruction';
import { Cpr } from './volume/curved/cpr';
import type { PlaneName } from './volume/planes';
import { Reformat } from './volume/reformat';

/** How the picture came about: received, or computed from the series. */
export type Making = 'image' | 'mpr' | 'cpr' | 'rendering';

/** A chosen picture and how it was shown; JSON as it is. Rotation is clockwise, degrees, after mirroring left and right. */
export interface KeyImage {
  id: string;
  study: string;
  series: string;
  /** Empty for what is computed from the series. */
  sop_uid: string;
  /** Frame within the instance, as the node counts it. */
  frame: number;
  /** Index within what was shown as it was then; `sop_uid` and `frame` decide. */
  index: number;
  made: Making;
  plane: PlaneName | null;
  /** How it lies in the patient; null for received images, and absent in those of earlier days. */
  reconstruction?: Reconstruction | null;
  caption: string;
  /** Null while a VOI LUT was drawn. */
  window: Required<WindowSetting> | null;
  gamma: number;
  inverted: boolean;
  zoom: number;
  rotation: number;
  mirrored: boolean;
  author: string;
  created: string;
  /** What else singled it out (a device, by a key object selection); none: it was marked here. */
  by?: string;
}

/** A key image as it is made: what it is of, and the picture with everything on it but the patient. */
export interface MadeKeyImage {
  image: KeyImage;
  picture: Blob;
}

/** The key image that the picture in a cell would be; null while there is none. */
export function keyImageOf(cell: Cell, rendered: boolean, author: string): KeyImage | null {
  const { series } = cell;
  const frame = cell.currentFrame();
  if (!series || !frame) return null;
  const made: Making = rendered ? 'rendering' : series instanceof Cpr ? 'cpr' : series instanceof Reformat ? 'mpr' : 'image';
  const { zoom, rotation, mirrored } = cell.view();
  return {
    id: freshId(),
    ...series.key,
    sop_uid: made === 'image' ? frame.sop_uid : '',
    frame: made === 'image' ? frame.frame : 0,
    index: cell.index,
    made,
    plane: made === 'mpr' ? (frame.plane?.name ?? null) : null,
    reconstruction: made === 'image' ? null : reconstructionOf(cell),
    caption: '',
    window: cell.grey.lut ? null : (cell.grey.window as Required<WindowSetting> | null),
    gamma: cell.grey.gamma,
    inverted: cell.grey.inverted,
    zoom,
    rotation,
    mirrored,
    author,
    created: new Date().toISOString(),
  };
}

const text = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** Key images as somebody else says them (Python, the records): series and image are needed, the rest is as usual. */
export function keyImagesFrom(list: readonly Partial<KeyImage>[]): KeyImage[] {
  return list.filter(({ series }) => text(series)).map((one) => ({
    ...{ id: freshId(), study: '', sop_uid: '', frame: 0, index: -1, made: 'image', plane: null, caption: '', window: null, gamma: 1, inverted: false, zoom: 1, rotation: 0, mirrored: false, author: '', created: '' },
    ...one,
    series: one.series as string,
  } as KeyImage));
}

/** Who marked the image in a cell: '' here, else what singled it out; null: nobody. */
export function markedBy(list: readonly KeyImage[], cell: Cell): string | null {
  const frame = cell.currentFrame();
  if (!frame || frame.sop_uid === '') return null;
  const found = list.filter(({ made, series, sop_uid, frame: number }) => made === 'image' && series === cell.series?.key.series && sop_uid === frame.sop_uid && number === frame.frame);
  return found.length ? [...new Set(found.map(({ by }) => by ?? ''))].filter(Boolean).join(', ') : null;
}
