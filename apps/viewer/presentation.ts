/** How a view shows its picture, as plain data: what another view needs to show the same. */
import type { WindowSetting } from './api';
import type { Cell } from './cell';
import type { CellRequest } from './cellhost';
import type { Frame } from './frame';
import { reconstructionOf, type Reconstruction } from './reconstruction';
import { sameTurn, type Turn } from './turned';
import { windowFunction } from './window';

export interface Presentation extends Turn {
  /** Null while a VOI LUT is drawn. */
  window: WindowSetting | null;
  gamma: number;
  inverted: boolean;
  /** 1 fits the view, as absence does. */
  zoom?: number;
  /** The received image; empty for what is computed. */
  sop_uid?: string;
  /** Within the instance. */
  frame?: number;
  /** Null for received images. */
  reconstruction?: Reconstruction | null;
}

export function presentationOf(cell: Cell): Presentation {
  const { grey } = cell;
  const { sop_uid = '', frame = 0 } = cell.currentFrame() ?? {};
  const { zoom, rotation, mirrored } = cell.view();
  return { window: grey.lut ? null : grey.window, gamma: grey.gamma, inverted: grey.inverted, zoom, rotation, mirrored, sop_uid, frame, reconstruction: reconstructionOf(cell) };
}

/** For a picture that is still to come. The part of the image it showed is known of planes alone: others fit their view. */
export function requestOf({ window, gamma, inverted, zoom, rotation, mirrored, reconstruction }: Presentation): CellRequest {
  return {
    turn: { rotation, mirrored },
    ...(window ? { grey: { window: { ...window, function: windowFunction(window.function) }, lut: null, gamma, inverted } } : {}),
    ...(reconstruction?.made === 'mpr' && zoom !== undefined ? { framing: { zoom, middle: reconstruction.through } } : {}),
    ...(reconstruction?.made === 'cpr' ? { index: reconstruction.angle } : {}),
  };
}

/** Where the received image is among these; −1 where it is not. */
export function placeOf({ sop_uid, frame = 0 }: Pick<Presentation, 'sop_uid' | 'frame'>, count: number, frameAt: (position: number) => Frame | null): number {
  if (!sop_uid) return -1;
  return Array.from({ length: count }, (_, at) => frameAt(at)).findIndex((one) => one !== null && one.sop_uid === sop_uid && one.frame === frame);
}

/** On a picture that is there. */
export function dress(cell: Cell, { window, gamma, inverted, rotation, mirrored }: Presentation): void {
  if (window) cell.setWindow({ ...window, function: windowFunction(window.function) });
  if (cell.grey.gamma !== gamma) cell.setGamma(gamma);
  if (cell.grey.inverted !== inverted) cell.invert();
  if (!sameTurn(cell.view(), { rotation, mirrored })) cell.framing.turnLike({ rotation, mirrored });
}
