/** Angles a picture is turned by (V-19): clockwise on the screen, degrees, to a tenth. */

/** Which way round a picture is: turned clockwise after mirroring left and right. */
export interface Turn {
  rotation: number;
  mirrored: boolean;
}

export const UPRIGHT: Turn = { rotation: 0, mirrored: false };

export const sameTurn = (a: Turn, b: Turn): boolean => turnOf(a.rotation) === turnOf(b.rotation) && a.mirrored === b.mirrored;

/** The same turn from 0 up to 360. */
export function turnOf(degrees: number): number {
  const tenths = Math.round(degrees * 10) % 3600;
  return ((tenths + 3600) % 3600) / 10;
}

/** The same turn the shorter way: above −180, up to 180; anticlockwise is negative. */
export function shortTurn(degrees: number): number {
  const turn = turnOf(degrees);
  return turn > 180 ? Math.round((turn - 360) * 10) / 10 : turn;
}

/** Whether the rows and columns lie along the screen's edges. */
export function isStraight(degrees: number): boolean {
  return turnOf(degrees) % 90 === 0;
}

/**
 * The part of a turn that suits other patients: quarters and mirroring say how such images come or are read; what is between
 * them corrects the lie of one patient.
 */
export const quarterOf = ({ rotation, mirrored }: Turn): Turn => ({ rotation: turnOf(Math.round(rotation / 90) * 90), mirrored });
