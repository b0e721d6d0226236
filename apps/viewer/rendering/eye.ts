/** From where a volume is seen (parallel projection): directions LPS, lengths mm. */
import { dot } from '../geometry';
import { cross, lettersOf, type EdgeLetters, type Vector } from '../orientation';
import { add, times, turned, unit } from '../volume/curved/centreline';

export type EyeView = 'A' | 'P' | 'L' | 'R' | 'S' | 'I';

export interface Eye {
  /** The way of the light to the eye is against it: into the screen. */
  onward: Vector;
  up: Vector;
  /** In the middle of the picture. */
  centre: Vector;
  /** mm for each CSS pixel. */
  scale: number;
}

const FROM: Record<EyeView, { onward: Vector; up: Vector }> = {
  A: { onward: [0, 1, 0], up: [0, 0, 1] },
  P: { onward: [0, -1, 0], up: [0, 0, 1] },
  L: { onward: [-1, 0, 0], up: [0, 0, 1] },
  R: { onward: [1, 0, 0], up: [0, 0, 1] },
  S: { onward: [0, 0, -1], up: [0, -1, 0] },
  I: { onward: [0, 0, 1], up: [0, -1, 0] },
};

export const EYE_VIEWS = Object.keys(FROM) as EyeView[];

/** Seen from a side of the patient: front, back, left, right, head, feet. */
export function eyeFrom(view: EyeView, centre: Vector, scale: number): Eye {
  return { ...FROM[view], centre, scale };
}

/** To the right of the screen. */
export const rightOf = ({ onward, up }: Eye): Vector => cross(onward, up);

/** Turned as a ball under the hand by CSS pixels. */
export function rolled(eye: Eye, dx: number, dy: number): Eye {
  const right = rightOf(eye);
  const DEGREES = 0.5; // for each pixel
  const spun = (v: Vector): Vector => about(about(v, eye.up, -dx * DEGREES), right, -dy * DEGREES);
  const onward = unit(spun(eye.onward));
  const lifted = spun(eye.up);
  return { ...eye, onward, up: unit(add(lifted, onward, -dot(lifted, onward))) };
}

/** A vector turned about an axis (unit), right-handed; degrees. */
function about(v: Vector, axis: Vector, degrees: number): Vector {
  const along = times(axis, dot(v, axis));
  const rest = add(v, along, -1);
  return add(along, turned(rest, axis, degrees));
}

export function moved(eye: Eye, dx: number, dy: number): Eye {
  return { ...eye, centre: add(add(eye.centre, rightOf(eye), -dx * eye.scale), eye.up, dy * eye.scale) };
}

export function zoomed(eye: Eye, factor: number): Eye {
  return { ...eye, scale: Math.min(20, Math.max(0.02, eye.scale / factor)) };
}

/** CSS pixels from the middle of the picture, right and down. */
export function toScreen(eye: Eye, place: Vector): [number, number] {
  const away = add(place, eye.centre, -1);
  return [dot(away, rightOf(eye)) / eye.scale, -dot(away, eye.up) / eye.scale];
}

/** The place of the picture plane under a point of the screen. */
export function fromScreen(eye: Eye, [x, y]: readonly [number, number]): Vector {
  return add(add(eye.centre, rightOf(eye), x * eye.scale), eye.up, -y * eye.scale);
}

export function lettersAround(eye: Eye): EdgeLetters {
  const right = rightOf(eye);
  return { left: lettersOf(times(right, -1)), right: lettersOf(right), top: lettersOf(eye.up), bottom: lettersOf(times(eye.up, -1)) };
}
