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

export class Lines {
  private readonly svg = document.createElementNS(SVG, 'svg');
  private drawn = '';

  constructor(parent: HTMLElement) {
    this.svg.setAttribute('class', 'px-lines');
    this.svg.setAttribute('aria-hidden', 'true');
    parent.prepend(this.svg);
  }

  set(lines: readonly Line[], mark: Mark | null): void {
    const all = JSON.stringify([lines, mark]);
    if (all === this.drawn) return;
    this.drawn = all;
    const parts = lines.map(({ from, to, colour, name }) => part('line', { x1: from[0], y1: from[1], x2: to[0], y2: to[1], stroke: colour, 'data-of': name }));
    if (mark) parts.push(part('circle', { cx: mark.at[0], cy: mark.at[1], r: 5, class: mark.off < 0.05 ? 'px-mark' : 'px-mark px-off', 'data-off': mark.off.toFixed(2) }));
    this.svg.replaceChildren(...parts);
  }
}

function part(name: string, values: Record<string, string | number>): SVGElement {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(values)) element.setAttribute(key, typeof value === 'number' ? value.toFixed(1) : value);
  return element;
}
