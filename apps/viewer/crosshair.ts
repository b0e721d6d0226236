/** The crosshair tool: a press sets the 3D point; a press on a line, away from the point, turns the planes it stands for. */
import type { Cell } from './cell';
import { dot, planeOf } from './geometry';
import { cross, type Vector } from './orientation';

/** CSS pixels: how near to a line a press takes hold of it, and how far from the point. */
const GRIP = 8;
const FREE = 40;

type Canvas = readonly [number, number];

export interface Aim {
  /** The 3D point, when it is in this cell's space. */
  point(): Vector | null;
  set(cell: Cell, at: Vector): void;
  /** Whether the lines of a cell can be turned. */
  turns(cell: Cell): boolean;
  turn(cell: Cell, angle: number): void;
}

/** Angle from `a` to `b` about an axis, radians, right-handed. */
export function angleBetween(a: Vector, b: Vector, axis: Vector): number {
  return Math.atan2(dot(axis, cross(a, b)), dot(a, b));
}

export class Crosshair {
  private turning: Vector | null = null;

  constructor(private readonly aim: Aim) {}

  down(cell: Cell, canvas: Canvas): void {
    this.turning = null;
    const at = cell.worldAt(canvas);
    if (!at) return;
    if (this.grips(cell, canvas)) this.turning = at;
    else this.aim.set(cell, at);
  }

  drag(cell: Cell, canvas: Canvas): void {
    const at = cell.worldAt(canvas);
    if (!at) return;
    if (!this.turning) return this.aim.set(cell, at);
    const [frame, point] = [cell.currentFrame(), this.aim.point()];
    if (!frame || !point) return;
    const from = (place: Vector): Vector => [place[0] - point[0], place[1] - point[1], place[2] - point[2]];
    const angle = angleBetween(from(this.turning), from(at), planeOf(frame).normal);
    if (Math.abs(angle) < 1e-4) return;
    this.turning = at;
    this.aim.turn(cell, angle);
  }

  private grips(cell: Cell, [x, y]: Canvas): boolean {
    const point = this.aim.point();
    const centre = point && cell.canvasOf(point);
    if (!centre || !this.aim.turns(cell) || Math.hypot(x - centre[0], y - centre[1]) < FREE) return false;
    return cell.lines().some(({ from, to }) => {
      const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
      const long = Math.hypot(dx, dy);
      return long > 0 && Math.abs((x - from[0]) * dy - (y - from[1]) * dx) / long <= GRIP;
    });
  }
}
