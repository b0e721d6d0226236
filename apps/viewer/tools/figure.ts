/** The lines that a drawing of the path tools consists of, on the screen: what is drawn, and what the mouse is near to. */
import { KINDS, type Figure, type MeasurementKind } from '../measure/kinds';
import type { ImagePoint } from '../measure/length';

/** CSS pixels within the cell. */
export type CanvasPoint = [number, number];

/** Length and half angle of an arrow's head. */
const HEAD = { length: 14, angle: (24 * Math.PI) / 180 };
const CIRCLE_PARTS = 72;

export function figureOf(kind: MeasurementKind): Figure | undefined {
  return (KINDS[kind] as { figure?: Figure }).figure;
}

function circle([x, y]: CanvasPoint, [u, v]: CanvasPoint): CanvasPoint[] {
  // The screen shows the patient without distortion: a circle there is one of the patient, whatever the pixels' shape.
  const radius = Math.hypot(u - x, v - y);
  return Array.from({ length: CIRCLE_PARTS + 1 }, (_, at) => {
    const turn = (2 * Math.PI * at) / CIRCLE_PARTS;
    return [x + radius * Math.cos(turn), y + radius * Math.sin(turn)];
  });
}

function arrow(tip: CanvasPoint, tail: CanvasPoint): CanvasPoint[][] {
  const way = Math.atan2(tail[1] - tip[1], tail[0] - tip[0]);
  const barb = (angle: number): CanvasPoint => [tip[0] + HEAD.length * Math.cos(way + angle), tip[1] + HEAD.length * Math.sin(way + angle)];
  return [[tip, tail], [barb(-HEAD.angle), tip, barb(HEAD.angle)]];
}

/** Polylines of a drawing with these points (pixels of its image); fewer while it is being drawn. */
export function linesOf(kind: MeasurementKind, points: readonly ImagePoint[], toCanvas: (point: ImagePoint) => CanvasPoint): CanvasPoint[][] {
  const figure = figureOf(kind);
  if (figure === undefined || figure === 'text') return [];
  const [first, second] = points;
  if (Array.isArray(figure)) return (figure as readonly (readonly [number, number])[]).filter(([a, b]) => points[a] && points[b]).map(([a, b]) => [toCanvas(points[a] as ImagePoint), toCanvas(points[b] as ImagePoint)]);
  if (!first || !second) return [];
  if (figure === 'rectangle') return [[first, [second[0], first[1]], second, [first[0], second[1]], first].map((point) => toCanvas(point as ImagePoint))];
  if (figure === 'circle') return [circle(toCanvas(first), toCanvas(second))];
  if (figure === 'arrow') return arrow(toCanvas(first), toCanvas(second));
  const line = points.map(toCanvas);
  return [(figure === 'closed' || figure === 'lasso') && points.length > 2 ? [...line, line[0] as CanvasPoint] : line];
}

function distanceToSegment([x, y]: CanvasPoint, [ax, ay]: CanvasPoint, [bx, by]: CanvasPoint): number {
  const [dx, dy] = [bx - ax, by - ay];
  const long = dx * dx + dy * dy;
  const t = long === 0 ? 0 : Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / long));
  return Math.hypot(x - ax - t * dx, y - ay - t * dy);
}

/** Distance of a place from the nearest line, CSS pixels. */
export function distanceTo(lines: readonly CanvasPoint[][], at: CanvasPoint): number {
  return Math.min(Infinity, ...lines.flatMap((line) => line.slice(1).map((point, before) => distanceToSegment(at, line[before] as CanvasPoint, point))));
}
