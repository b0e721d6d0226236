/**
 * Curved planar reformation (CPR): how a curved surface through a vessel is laid flat. Kanitsar, Fleischmann, Wegenkittl, Felkel,
 * Gröller, "CPR – Curved Planar Reformation", IEEE Visualization 2002. LPS mm; a picture's pixels are square.
 *
 * Straightened: each row is the line across the curve at one distance along it, in the direction of the rotation-minimising normal
 * turned by the angle. The curve is the middle column; rows are mm along it, columns mm away from it, both exact. What lies aside
 * of the curve is squeezed inside a bend and pulled apart outside it.
 *
 * Stretched: the surface that a straight line of one direction (the "vector of interest", across the axis from the first to the last
 * point, turned about it by the angle) sweeps along the curve. It bends in one direction only and is rolled out without distortion:
 * every length in the picture is the length on that surface, and the curve keeps its own. Rows are mm along the curve's projection
 * across the line, columns mm along the line; the axis is the middle column.
 */
import { dot } from '../../geometry';
import { cross, type Vector } from '../../orientation';
import { LARGEST } from '../planes';
import type { Row } from '../resample';
import { add, footOn, less, times, turned, unit, upright, type Centreline } from './centreline';

export type CprMode = 'straightened' | 'stretched';

export interface Unrolled {
  rows: number;
  columns: number;
  /** mm, of rows and of columns. */
  spacing: number;
  /** Where a row lies; null for rows after the end of the curve. */
  rowAt(y: number): Row | null;
  /** [column, row] → LPS mm; null beyond the curve's ends. */
  toPatient(pixel: readonly [number, number]): Vector | null;
  /** LPS mm → [column, row] of its foot on the surface, and its signed distance from the surface, mm; null where it has no foot. */
  toPicture(place: Vector): { pixel: [number, number]; off: number } | null;
  /** The patient's direction of the picture's rows, when all of them have nearly the same one (30°): only then it has letters. */
  direction: Vector | null;
}

const ALIKE = Math.cos(Math.PI / 6);

/** `width`: mm across, at most as many pixels as a picture may have. `angle`: degrees about the curve (right-handed about its course). */
export function straightened(curve: Centreline, width: number, angle: number): Unrolled {
  const { places, tangents, step } = curve;
  const normals = curve.normals.map((normal, i) => turned(normal, tangents[i] as Vector, angle));
  const half = halfOf(width, step);
  const between = (list: readonly Vector[], sample: number): Vector => {
    const i = Math.min(Math.floor(sample), list.length - 2);
    return add(times(list[i] as Vector, i + 1 - sample), list[i + 1] as Vector, sample - i);
  };
  const middle = normals[normals.length >> 1] as Vector;
  return {
    rows: places.length,
    columns: 2 * half + 1,
    spacing: step,
    rowAt: (y) => {
      const normal = normals[y] as Vector;
      return { start: add(places[y] as Vector, normal, -half * step), direction: normal, across: cross(normal, tangents[y] as Vector) };
    },
    toPatient: ([x, y]) => (y < -0.5 || y > places.length - 0.5 ? null : onRow(Math.min(Math.max(y, 0), places.length - 1), x)),
    toPicture: (place) => {
      const { sample, offset } = footOn(curve, place);
      const normal = unit(between(normals, sample));
      const aside = dot(offset, normal);
      return { pixel: [half + aside / step, sample], off: dot(offset, unit(cross(normal, unit(between(tangents, sample))))) };
    },
    direction: normals.every((one) => dot(one, middle) >= ALIKE) ? middle : null,
  };

  function onRow(y: number, x: number): Vector {
    return add(between(places, y), unit(between(normals, y)), (x - half) * step);
  }
}

export function stretched(curve: Centreline, width: number, angle: number): Unrolled {
  const { places, step, length } = curve;
  const [first, last] = [places[0] as Vector, places[places.length - 1] as Vector];
  const chord = less(last, first);
  // A curve that returns to its start has no axis of its own: that of the patient.
  const axis: Vector = Math.hypot(...chord) > 1e-3 * length ? unit(chord) : [0, 0, -1];
  const line = turned(upright(axis), axis, angle);
  // Distance along the rolled-out surface up to each sample.
  const down: number[] = [0];
  for (let i = 1; i < places.length; i += 1) {
    const go = less(places[i] as Vector, places[i - 1] as Vector);
    down.push((down[i - 1] as number) + Math.hypot(...add(go, line, -dot(go, line))));
  }
  // As wide at every angle: the picture must not jump while it is turned.
  const swing = Math.max(...places.map((place) => Math.hypot(...add(less(place, first), axis, -dot(less(place, first), axis)))));
  const half = halfOf(2 * swing + width, step);
  const end = down[down.length - 1] as number;
  const rows = places.length;

  /** The curve's sample (with fraction) at a distance down the surface. */
  function sampleAt(distance: number): number | null {
    if (distance < -step / 2 || distance > end + step / 2) return null;
    const goal = Math.min(Math.max(distance, 0), end);
    let [low, high] = [0, down.length - 1];
    while (high - low > 1) {
      const half = (low + high) >> 1;
      if ((down[half] as number) <= goal) low = half;
      else high = half;
    }
    const wide = (down[high] as number) - (down[low] as number);
    return low + (wide > 1e-12 ? (goal - (down[low] as number)) / wide : 0);
  }
  function placeAt(sample: number): Vector {
    const i = Math.min(Math.floor(sample), places.length - 2);
    return add(times(places[i] as Vector, i + 1 - sample), places[i + 1] as Vector, sample - i);
  }
  function foot(y: number): Vector | null {
    const sample = sampleAt(y * step);
    if (sample === null) return null;
    const place = placeAt(sample);
    return add(place, line, -dot(less(place, first), line));
  }
  return {
    rows,
    columns: 2 * half + 1,
    spacing: step,
    rowAt: (y) => {
      const base = foot(y);
      const [before, after] = [foot(Math.max(0, y - 1)), foot(y + 1) ?? base];
      if (!base || !before || !after) return null;
      const course = less(after, before);
      const across = cross(line, course);
      // Where the curve runs along the line itself the surface has no side.
      return { start: add(base, line, -half * step), direction: line, across: Math.hypot(...across) > 1e-9 ? unit(across) : cross(line, axis) };
    },
    toPatient: ([x, y]) => {
      const base = foot(y);
      return base && add(base, line, (x - half) * step);
    },
    toPicture: (place) => {
      // The nearest ruling line: distances are judged across the line, where the surface is a curve in a plane.
      const flat = (v: Vector): Vector => add(v, line, -dot(v, line));
      const target = flat(less(place, first));
      let best = { away: Infinity, y: 0, off: 0 };
      for (let i = 1; i < places.length; i += 1) {
        const from = flat(less(places[i - 1] as Vector, first));
        const go = less(flat(less(places[i] as Vector, first)), from);
        const size = dot(go, go);
        const t = size > 1e-18 ? Math.min(1, Math.max(0, dot(less(target, from), go) / size)) : 0;
        const rest = less(target, add(from, go, t));
        const away = Math.hypot(...rest);
        if (away < best.away) best = { away, y: ((down[i - 1] as number) + t * Math.sqrt(size)) / step, off: Math.sign(dot(rest, cross(line, go)) || 1) * away };
      }
      return { pixel: [half + dot(less(place, first), line) / step, best.y], off: best.off };
    },
    direction: line,
  };
}

export function unroll(mode: CprMode, curve: Centreline, width: number, angle: number): Unrolled {
  return mode === 'straightened' ? straightened(curve, width, angle) : stretched(curve, width, angle);
}

function halfOf(width: number, step: number): number {
  return Math.min(LARGEST >> 1, Math.max(1, Math.round(width / 2 / step)));
}
