/** Orientation letters at the four edges, from where the camera looks; never from the name of a plane. */

export type Vector = readonly [number, number, number];

export interface EdgeLetters {
  left: string;
  right: string;
  top: string;
  bottom: string;
}

/** Parts smaller than this (about 14°) are not named: a slightly oblique axial still says L, not LHA. */
const LEAST_PART = 0.25;

/** Letters of a direction in LPS, the largest part first: (0.9, 0.4, 0) → "LP". */
export function lettersOf(direction: Vector): string {
  const named: [string, number][] = [
    [direction[0] > 0 ? 'L' : 'R', Math.abs(direction[0])],
    [direction[1] > 0 ? 'P' : 'A', Math.abs(direction[1])],
    [direction[2] > 0 ? 'H' : 'F', Math.abs(direction[2])],
  ];
  return named
    .filter(([, part]) => part >= LEAST_PART)
    .sort((a, b) => b[1] - a[1])
    .map(([letter]) => letter)
    .join('');
}

/** A place in the patient as it is read: L 12.3  P 40.0  H 5.5 (LPS, mm). */
export function placeText(at: Vector): string {
  return [['L', 'R'], ['P', 'A'], ['H', 'F']].map(([up, down], axis) => `${(at[axis] as number) >= 0 ? up : down} ${Math.abs(at[axis] as number).toFixed(1)}`).join('  ');
}

export function cross(a: Vector, b: Vector): Vector {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

const negative = (v: Vector): Vector => [-v[0], -v[1], -v[2]];

/** As `edgeLetters`, of a picture whose rows alone have a direction in the patient (LPS); its own rows run along x. */
export function rowLetters(viewUp: Vector, viewPlaneNormal: Vector, direction: Vector): EdgeLetters {
  const right = cross(viewUp, viewPlaneNormal);
  const letters = ({ 0: along }: Vector): string => (Math.abs(along) < 0.9 ? '' : lettersOf([direction[0] * along, direction[1] * along, direction[2] * along]));
  return { left: letters(negative(right)), right: letters(right), top: letters(viewUp), bottom: letters(negative(viewUp)) };
}

/**
 * Letters of the screen edges. `viewUp` points to the top of the screen, `viewPlaneNormal` from the image to the viewer
 * (Cornerstone's camera); `mirrored` when the picture is flipped about its vertical axis without turning the camera.
 */
export function edgeLetters(viewUp: Vector, viewPlaneNormal: Vector, mirrored = false): EdgeLetters {
  const right = mirrored ? negative(cross(viewUp, viewPlaneNormal)) : cross(viewUp, viewPlaneNormal);
  return { left: lettersOf(negative(right)), right: lettersOf(right), top: lettersOf(viewUp), bottom: lettersOf(negative(viewUp)) };
}
