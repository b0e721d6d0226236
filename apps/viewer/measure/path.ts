/** Lines of several points: the way along them, the area they enclose, and the ratio of two of them (V-10, V-15, V-17, V-18). */
import type { Frame } from '../frame';
import { lengthOf, type ImagePoint, type LengthUnit } from './length';
import type { Region } from './region';

/** Sum of the lines from point to point; pixels as soon as one of them has no mm. */
export function pathLength(frame: Frame, points: readonly ImagePoint[]): { value: number; unit: LengthUnit } {
  const parts = points.slice(1).map((point, position) => lengthOf(frame, points[position] as ImagePoint, point));
  const unit = parts.find((part) => part.unit === 'px')?.unit ?? parts[0]?.unit ?? 'px';
  if (unit !== 'px') return { value: parts.reduce((sum, part) => sum + part.value, 0), unit };
  const pixels = (a: ImagePoint, b: ImagePoint): number => Math.hypot(b[0] - a[0], b[1] - a[1]);
  return { value: points.slice(1).reduce((sum, point, position) => sum + pixels(points[position] as ImagePoint, point), 0), unit };
}

/** Area inside, in pixels (Gauss' shoelace formula); crossing lines count as they wind. */
function enclosed(points: readonly ImagePoint[]): number {
  return Math.abs(points.reduce((sum, [x, y], at) => {
    const [u, v] = points[(at + 1) % points.length] as ImagePoint;
    return sum + x * v - u * y;
  }, 0)) / 2;
}

/** Whether a place lies inside, by counting the lines a ray crosses (even-odd). */
function inside(points: readonly ImagePoint[], x: number, y: number): boolean {
  let odd = false;
  points.forEach(([ax, ay], at) => {
    const [bx, by] = points[(at + 1) % points.length] as ImagePoint;
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
  });
  return odd;
}

/** A polygon as a region of the picture. */
export function polygon(points: readonly ImagePoint[]): Region {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  return {
    origin: [0, 0],
    u: [1, 0],
    v: [0, 1],
    inside: (x, y) => inside(points, x, y),
    share: enclosed(points),
    around: [[left, top], [right, top], [left, bottom], [right, bottom]],
  };
}

/** The shorter line's share of the longer one; null when there is none. Whichever was drawn first. */
export function ratioOf(a: number, b: number): number | null {
  const long = Math.max(a, b);
  return long > 0 ? Math.min(a, b) / long : null;
}
