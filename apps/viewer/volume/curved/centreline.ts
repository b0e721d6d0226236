/** A smooth curve through points a reader set along a vessel, and frames that ride along it without turning. LPS mm. */
import { dot } from '../../geometry';
import { cross, type Vector } from '../../orientation';

/** The curve at equal distances along itself: place, unit tangent, and a normal that turns about the tangent no more than it must. */
export interface Centreline {
  /** mm along the curve. */
  length: number;
  /** mm of arc between neighbouring samples; the last sample is the end of the curve. */
  step: number;
  places: Vector[];
  tangents: Vector[];
  normals: Vector[];
}

/** Points closer than this are one, mm: a double click sets no bend. */
export const SAME = 0.1;
/** Parameter steps of one span when its length is measured; the error is below 1e-5 of the span. */
const FINE = 128;
const MOST = 4096; // samples of one curve

export const add = (a: Vector, b: Vector, times = 1): Vector => [a[0] + b[0] * times, a[1] + b[1] * times, a[2] + b[2] * times];
export const less = (a: Vector, b: Vector): Vector => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const times = (a: Vector, by: number): Vector => [a[0] * by, a[1] * by, a[2] * by];
export const unit = (a: Vector): Vector => times(a, 1 / Math.hypot(...a));

/** One span between two points as a cubic Hermite polynomial of u in 0…1. */
interface Span {
  from: Vector;
  to: Vector;
  leaving: Vector;
  arriving: Vector;
}

/**
 * Spans of the centripetal Catmull-Rom spline (knots apart by the square root of the distance: no loops or cusps between uneven
 * clicks; Yuksel, Schaefer, Keyser 2011). At both ends the tangent is that of the parabola through the last three points.
 */
function spansOf(points: readonly Vector[]): Span[] {
  const knots = points.slice(1).map((point, i) => Math.sqrt(Math.hypot(...less(point, points[i] as Vector))));
  const slopes = knots.map((d, i) => times(less(points[i + 1] as Vector, points[i] as Vector), 1 / d));
  const inner = (i: number): Vector => {
    const [before, after] = [knots[i - 1] as number, knots[i] as number];
    return add(times(slopes[i - 1] as Vector, after / (before + after)), slopes[i] as Vector, before / (before + after));
  };
  const last = points.length - 1;
  const tangent = (i: number): Vector => {
    if (last === 1) return slopes[0] as Vector;
    if (i === 0) return less(times(slopes[0] as Vector, 2), inner(1));
    if (i === last) return less(times(slopes[last - 1] as Vector, 2), inner(last - 1));
    return inner(i);
  };
  return knots.map((d, i) => ({ from: points[i] as Vector, to: points[i + 1] as Vector, leaving: times(tangent(i), d), arriving: times(tangent(i + 1), d) }));
}

function at({ from, to, leaving, arriving }: Span, u: number): Vector {
  const [u2, u3] = [u * u, u * u * u];
  return add(add(add(times(from, 2 * u3 - 3 * u2 + 1), to, 3 * u2 - 2 * u3), leaving, u3 - 2 * u2 + u), arriving, u3 - u2);
}

function along({ from, to, leaving, arriving }: Span, u: number): Vector {
  const u2 = u * u;
  return add(add(times(less(to, from), 6 * u - 6 * u2), leaving, 3 * u2 - 4 * u + 1), arriving, 3 * u2 - 2 * u);
}

/** A direction to start from: the patient's left, or back where the curve itself runs left or right, made upright on the tangent. */
export function upright(tangent: Vector): Vector {
  const like: Vector = Math.abs(tangent[0]) < 0.8 ? [1, 0, 0] : [0, 1, 0];
  return unit(add(like, tangent, -dot(like, tangent)));
}

/** Rotation-minimising normals by double reflection (Wang, Jüttler, Zheng, Liu 2008, ACM TOG 27(1)). */
function riding(places: readonly Vector[], tangents: readonly Vector[]): Vector[] {
  const normals: Vector[] = [upright(tangents[0] as Vector)];
  for (let i = 1; i < places.length; i += 1) {
    const chord = less(places[i] as Vector, places[i - 1] as Vector);
    const reflect = (v: Vector, about: Vector): Vector => add(v, about, (-2 * dot(about, v)) / dot(about, about));
    const normal = reflect(normals[i - 1] as Vector, chord);
    const turned = reflect(tangents[i - 1] as Vector, chord);
    const rest = less(tangents[i] as Vector, turned);
    const next = dot(rest, rest) > 1e-18 ? reflect(normal, rest) : normal;
    const tangent = tangents[i] as Vector;
    normals.push(unit(add(next, tangent, -dot(next, tangent)))); // rounding must not lean it
  }
  return normals;
}

/** The points without those that repeat their predecessor. */
export function distinct(points: readonly Vector[]): Vector[] {
  return points.filter((point, i) => i === 0 || Math.hypot(...less(point, points[i - 1] as Vector)) > SAME);
}

/** The curve through points, sampled about every `fine` mm so that the samples divide it evenly; null with fewer than two places. */
export function centrelineThrough(given: readonly Vector[], fine: number): Centreline | null {
  const points = distinct(given);
  if (points.length < 2) return null;
  const spans = spansOf(points);
  // Length up to each parameter step of each span.
  const reached: number[] = [0];
  for (const span of spans) {
    let before = span.from;
    for (let i = 1; i <= FINE; i += 1) {
      const here = at(span, i / FINE);
      reached.push((reached[reached.length - 1] as number) + Math.hypot(...less(here, before)));
      before = here;
    }
  }
  const length = reached[reached.length - 1] as number;
  const count = Math.min(MOST, Math.max(1, Math.round(length / fine)));
  const step = length / count;
  const places: Vector[] = [];
  const tangents: Vector[] = [];
  let k = 0;
  for (let i = 0; i <= count; i += 1) {
    const goal = Math.min(i * step, length);
    while (k < reached.length - 2 && (reached[k + 1] as number) < goal) k += 1;
    const [low, high] = [reached[k] as number, reached[k + 1] as number];
    const parameter = (k % FINE) / FINE + (high > low ? (goal - low) / (high - low) : 0) / FINE;
    const span = spans[Math.floor(k / FINE)] as Span;
    places.push(at(span, parameter));
    tangents.push(unit(along(span, parameter)));
  }
  return { length, step, places, tangents, normals: riding(places, tangents) };
}

/** Where on a curve a place is nearest: sample number with fraction, and the vector from there to the place. */
export function footOn({ places, tangents, step }: Centreline, place: Vector): { sample: number; offset: Vector } {
  let best = 0;
  let least = Infinity;
  places.forEach((one, i) => {
    const away = Math.hypot(...less(place, one));
    if (away < least) [best, least] = [i, away];
  });
  const offset = less(place, places[best] as Vector);
  const beyond = dot(offset, tangents[best] as Vector);
  const sample = Math.min(places.length - 1, Math.max(0, best + beyond / step));
  return { sample, offset: add(offset, tangents[best] as Vector, -beyond) };
}

/** A normal turned about the tangent, right-handed; degrees. */
export function turned(normal: Vector, tangent: Vector, angle: number): Vector {
  const radians = (angle * Math.PI) / 180;
  return add(times(normal, Math.cos(radians)), cross(tangent, normal), Math.sin(radians));
}
