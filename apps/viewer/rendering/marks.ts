/** What lies over a rendering: letters at its edges, the 3D point, the lasso, and words in place of a picture. */
import type { EdgeLetters } from '../orientation';

const SVG = 'http://www.w3.org/2000/svg';
const EDGES = ['left', 'right', 'top', 'bottom'] as const;

export class Marks {
  private readonly svg = document.createElementNS(SVG, 'svg');
  private readonly circle = document.createElementNS(SVG, 'circle');
  private readonly line = document.createElementNS(SVG, 'polygon');
  private readonly edges: Record<(typeof EDGES)[number], HTMLElement>;
  private readonly notice = document.createElement('div');
  private readonly warnings = document.createElement('div');
  private readonly title = document.createElement('div');

  constructor(private readonly root: HTMLElement) {
    this.svg.setAttribute('class', 'px-lines px-vr-marks');
    this.svg.setAttribute('aria-hidden', 'true');
    this.circle.setAttribute('r', '5');
    this.circle.setAttribute('visibility', 'hidden');
    this.line.setAttribute('class', 'px-lasso');
    this.svg.append(this.circle, this.line);
    root.append(this.svg);
    this.edges = Object.fromEntries(
      EDGES.map((edge) => {
        const letter = document.createElement('div');
        letter.className = `px-vr-edge px-edge-${edge}`;
        root.append(letter);
        return [edge, letter];
      }),
    ) as unknown as Record<(typeof EDGES)[number], HTMLElement>;
    this.notice.className = 'px-notice';
    this.notice.setAttribute('role', 'status');
    this.notice.hidden = true;
    root.append(this.notice);
    const said = document.createElement('div');
    said.className = 'px-vr-said';
    this.title.className = 'px-vr-title';
    this.warnings.className = 'px-warnings';
    said.append(this.warnings, this.title);
    root.append(said);
  }

  /** What kind of picture it is. */
  name(text: string): void {
    if (this.title.textContent !== text) this.title.textContent = text;
  }

  letters(letters: EdgeLetters | null): void {
    for (const edge of EDGES) this.edges[edge].textContent = letters?.[edge] ?? '';
  }

  /** What must stand over the picture. */
  warn(texts: readonly string[]): void {
    this.warnings.replaceChildren(
      ...texts.map((text) => {
        const line = document.createElement('div');
        line.setAttribute('role', 'note');
        line.textContent = `⚠ ${text}`;
        return line;
      }),
    );
  }

  /** CSS pixels within the view. */
  point(at: readonly [number, number] | null): void {
    this.circle.setAttribute('visibility', at ? 'visible' : 'hidden');
    if (!at) return;
    this.circle.setAttribute('cx', at[0].toFixed(1));
    this.circle.setAttribute('cy', at[1].toFixed(1));
  }

  /** CSS pixels from the middle of the view. */
  lasso(outline: readonly (readonly [number, number])[]): void {
    const [x0, y0] = [this.root.clientWidth / 2, this.root.clientHeight / 2];
    this.line.setAttribute('points', outline.map(([x, y]) => `${(x + x0).toFixed(1)},${(y + y0).toFixed(1)}`).join(' '));
  }

  say(title: string | null, action?: string): void {
    this.notice.hidden = title === null;
    const [strong, span] = [document.createElement('strong'), document.createElement('span')];
    strong.textContent = title;
    span.textContent = action ?? '';
    this.notice.replaceChildren(strong, ...(action ? [span] : []));
  }
}
