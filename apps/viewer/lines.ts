/** Lines and the 3D point over an image, drawn as SVG: where other planes cut it, and the place all views show. */
const SVG = 'http://www.w3.org/2000/svg';

/** CSS pixels within the cell. */
export interface Line {
  from: readonly [number, number];
  to: readonly [number, number];
  colour: string;
  /** Whose plane it is; for the tests and for screen readers. */
  name: string;
}

export interface Mark {
  at: readonly [number, number];
  /** Distance from the image's plane, mm: 0 is in it. */
  off: number;
}

/** A reader's curve on a plane, CSS pixels: stretches in the plane (`near`) and off it, and the points it was set by. */
export interface CurveShape {
  runs: { near: boolean; through: (readonly [number, number])[] }[];
  points: { at: readonly [number, number]; near: boolean }[];
}

/** Everything of this kind on one cell. */
export interface Shapes {
  lines: Line[];
  mark: Mark | null;
  curve?: CurveShape | null;
}

export class Lines {
  private readonly svg = document.createElementNS(SVG, 'svg');
  private drawn = '';

  constructor(parent: HTMLElement) {
    this.svg.setAttribute('class', 'px-lines');
    this.svg.setAttribute('aria-hidden', 'true');
    parent.prepend(this.svg);
  }

  set({ lines, mark, curve }: Shapes): void {
    const all = JSON.stringify([lines, mark, curve]);
    if (all === this.drawn) return;
    this.drawn = all;
    const parts = lines.map(({ from, to, colour, name }) => part('line', { x1: from[0], y1: from[1], x2: to[0], y2: to[1], stroke: colour, 'data-of': name }));
    for (const { near, through } of curve?.runs ?? []) parts.push(part('polyline', { points: through.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' '), class: near ? 'px-curve' : 'px-curve px-off' }));
    for (const { at, near } of curve?.points ?? []) parts.push(part('rect', { x: at[0] - 3, y: at[1] - 3, width: 6, height: 6, class: near ? 'px-knot' : 'px-knot px-off' }));
    if (mark) parts.push(part('circle', { cx: mark.at[0], cy: mark.at[1], r: 5, class: mark.off < 0.05 ? 'px-mark' : 'px-mark px-off', 'data-off': mark.off.toFixed(2) }));
    this.svg.replaceChildren(...parts);
  }
}

function part(name: string, values: Record<string, string | number>): SVGElement {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(values)) element.setAttribute(key, typeof value === 'number' ? value.toFixed(1) : value);
  return element;
}
