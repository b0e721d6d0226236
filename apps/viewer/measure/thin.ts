/** Fewer points for the same line (Ramer 1972, Douglas & Peucker 1973). */
import type { ImagePoint } from './length';

function off([x, y]: ImagePoint, [ax, ay]: ImagePoint, [bx, by]: ImagePoint): number {
  const [dx, dy] = [bx - ax, by - ay];
  const long = dx * dx + dy * dy;
  const t = long === 0 ? 0 : Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / long));
  return Math.hypot(x - ax - t * dx, y - ay - t * dy);
}

function kept(points: readonly ImagePoint[], most: number): number[] {
  const keep = new Set([0, points.length - 1]);
  const parts: [number, number][] = [[0, points.length - 1]];
  while (parts.length > 0) {
    const [from, to] = parts.pop() as [number, number];
    let [far, at] = [most, -1];
    for (let one = from + 1; one < to; one += 1) {
      const distance = off(points[one] as ImagePoint, points[from] as ImagePoint, points[to] as ImagePoint);
      if (distance > far) [far, at] = [distance, one];
    }
    if (at < 0) continue;
    keep.add(at);
    parts.push([from, at], [at, to]);
  }
  return [...keep].sort((a, b) => a - b);
}

/**
 * Positions of the points that stay: none of the others is further than `deviation` pixels from the line through them. Only a line
 * that still has more than `most` points is thinned further.
 */
export function thinned(points: readonly ImagePoint[], deviation: number, most: number): number[] {
  if (points.length < 3) return points.map((_, at) => at);
  let [limit, found] = [deviation, kept(points, deviation)];
  while (found.length > most) {
    limit *= 1.5;
    found = kept(points, limit);
  }
  return found;
}
