/** Curves of an overlay as lines of many points. */
import type { OverlayLine, OverlayPoint } from './overlay';

const STEPS = 72;

function around(centre: OverlayPoint, u: OverlayPoint, v: OverlayPoint): OverlayPoint[] {
  return Array.from({ length: STEPS }, (_, step) => {
    const angle = (2 * Math.PI * step) / STEPS;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    return [centre[0] + u[0] * cos + v[0] * sin, centre[1] + u[1] * cos + v[1] * sin];
  });
}

/** The points of a shape in their order, and whether the last is joined to the first; null when it has too few. */
export function outline({ kind, points }: OverlayLine): { points: OverlayPoint[]; closed: boolean } | null {
  if (kind === 'polyline' || kind === 'polygon') return points.length > 1 ? { points, closed: kind === 'polygon' } : null;
  if (kind === 'circle') {
    const [centre, edge] = points;
    if (!centre || !edge) return null;
    const radius = Math.hypot(edge[0] - centre[0], edge[1] - centre[1]);
    return { points: around(centre, [radius, 0], [0, radius]), closed: true };
  }
  if (kind === 'ellipse') {
    const [a, b, c, d] = points;
    if (!a || !b || !c || !d) return null;
    const half = (from: OverlayPoint, to: OverlayPoint): OverlayPoint => [(to[0] - from[0]) / 2, (to[1] - from[1]) / 2];
    return { points: around([(a[0] + b[0]) / 2, (a[1] + b[1]) / 2], half(a, b), half(c, d)), closed: true };
  }
  return null;
}
