/** What lies over an image: corners, orientation letters, scale bar, progress, notices. All text goes in as text, never as HTML. */
import { cornerText, DEFAULT_CORNERS, MINOR, type Corner, type CornerFacts, type CornerItem, type CornerLayout } from './corners';
import { Lines } from './lines';
import type { EdgeLetters } from './orientation';
import type { LayerName } from './overlays/planes';
import type { Scale } from './scale';
import { say, type Language } from './words';

export interface Notice {
  title: string;
  action?: string;
  retry?: () => void;
}

const CORNERS: Corner[] = ['topLeft', 'topRight', 'bottomLeft', 'bottomRight'];
const EDGES = ['left', 'right', 'top', 'bottom'] as const;

function part(parent: HTMLElement, className: string): HTMLDivElement {
  const element = document.createElement('div');
  element.className = className;
  parent.append(element);
  return element;
}

/** Touches the page only for a new text: a line that stays costs nothing while scrolling. */
function write(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export class Overlay {
  readonly root: HTMLDivElement;
  readonly lines: Lines;
  private readonly corners: Record<Corner, HTMLDivElement>;
  private readonly texts = new Map<CornerItem, HTMLDivElement>();
  private warned = '';
  private readonly edges: Record<(typeof EDGES)[number], HTMLDivElement>;
  private readonly bar: HTMLDivElement;
  private readonly barText: HTMLDivElement;
  private readonly warnings: HTMLDivElement;
  private readonly legend: HTMLDivElement;
  private readonly progress: HTMLDivElement;
  private readonly waiting: HTMLDivElement;
  private readonly wish: HTMLButtonElement;
  private readonly notice: HTMLDivElement;

  constructor(parent: HTMLElement, private readonly layout: CornerLayout = DEFAULT_CORNERS) {
    this.root = part(parent, 'px-overlay');
    this.corners = Object.fromEntries(CORNERS.map((corner) => [corner, part(this.root, `px-corner px-${corner}`)])) as Record<Corner, HTMLDivElement>;
    this.edges = Object.fromEntries(EDGES.map((edge) => [edge, part(this.root, `px-edge px-edge-${edge}`)])) as Record<(typeof EDGES)[number], HTMLDivElement>;
    const scale = part(this.root, 'px-scale');
    this.barText = part(scale, 'px-scale-text');
    this.bar = part(scale, 'px-scale-bar');
    for (const corner of CORNERS) {
      for (const item of layout[corner]) {
        const line = part(this.corners[corner], MINOR.has(item) ? 'px-line px-minor' : 'px-line');
        line.dataset['item'] = item;
        this.texts.set(item, line);
      }
    }
    // Warnings stand under the patient's lines, where nothing can run into them.
    this.warnings = part(this.corners.topLeft, 'px-warnings');
    this.legend = part(this.corners.topLeft, 'px-legend');
    this.waiting = part(this.root, 'px-waiting');
    this.progress = part(this.root, 'px-progress');
    part(this.progress, 'px-progress-fill');
    this.lines = new Lines(this.root);
    this.wish = document.createElement('button');
    this.wish.type = 'button';
    this.wish.className = 'px-wish';
    this.root.append(this.wish);
    this.notice = part(parent, 'px-notice');
    this.clear();
  }

  setCorners(facts: CornerFacts | null, language: Language): void {
    for (const corner of CORNERS) {
      for (const item of this.layout[corner]) {
        const line = this.texts.get(item);
        if (line) write(line, facts === null ? '' : cornerText(item, facts, language));
      }
    }
  }

  setLetters(letters: EdgeLetters | null): void {
    for (const edge of EDGES) write(this.edges[edge], letters?.[edge] ?? '');
  }

  setScale(scale: Scale | null, language: Language): void {
    const box = this.bar.parentElement as HTMLElement;
    box.hidden = scale === null;
    if (!scale) return;
    const width = `${scale.pixels.toFixed(1)}px`;
    if (this.bar.style.width !== width) this.bar.style.width = width;
    write(this.barText, scale.detector ? `${scale.text} (${say('detector', language)})` : scale.text);
  }

  setWarnings(texts: string[], language: Language): void {
    const all = `${language}\n${texts.join('\n')}`;
    if (this.warned === all) return;
    this.warned = all;
    this.warnings.replaceChildren(
      ...texts.map((text) => {
        const line = document.createElement('div');
        line.setAttribute('role', 'note');
        line.textContent = `⚠ ${text}`;
        line.title = `${say('notice', language)}: ${text}`;
        return line;
      }),
    );
  }

  /** Names of the layers that lie on the image, each in its colour. */
  setLegend(layers: readonly LayerName[]): void {
    const all = JSON.stringify(layers);
    if (this.legend.dataset['layers'] === all) return;
    this.legend.dataset['layers'] = all;
    this.legend.replaceChildren(
      ...layers.map(({ label, colour }) => {
        const line = document.createElement('div');
        line.textContent = colour ? `▪ ${label}` : label;
        line.style.color = colour;
        return line;
      }),
    );
  }

  setProgress(loaded: number, total: number, language: Language): void {
    this.progress.hidden = total === 0 || loaded >= total;
    this.progress.setAttribute('role', 'progressbar');
    this.progress.setAttribute('aria-label', say('progress', language));
    this.progress.setAttribute('aria-valuenow', String(loaded));
    this.progress.setAttribute('aria-valuemax', String(total));
    (this.progress.firstElementChild as HTMLElement).style.width = total === 0 ? '0' : `${((100 * loaded) / total).toFixed(1)}%`;
  }

  /** What the reader is to do for this view, and what a press on it begins; null: nothing. */
  setWish(text: string | null, begin: () => void = () => undefined): void {
    this.wish.hidden = text === null;
    this.wish.textContent = text;
    this.wish.onclick = begin;
  }

  setWaiting(text: string): void {
    this.waiting.hidden = text === '';
    this.waiting.textContent = text;
  }

  setNotice(notice: Notice | null, language: Language): void {
    this.notice.hidden = notice === null;
    if (!notice) {
      this.notice.replaceChildren();
      return;
    }
    this.notice.setAttribute('role', 'alert');
    const title = document.createElement('strong');
    title.textContent = notice.title;
    const children: HTMLElement[] = [title];
    if (notice.action) {
      const action = document.createElement('span');
      action.textContent = notice.action;
      children.push(action);
    }
    if (notice.retry) {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = say('retry', language);
      button.addEventListener('click', notice.retry);
      children.push(button);
    }
    this.notice.replaceChildren(...children);
  }

  clear(): void {
    this.lines.set({ lines: [], mark: null });
    this.setCorners(null, 'zh');
    this.setLetters(null);
    this.setScale(null, 'zh');
    this.setWarnings([], 'zh');
    this.setLegend([]);
    this.setProgress(0, 0, 'zh');
    this.setWish(null);
    this.setWaiting('');
    this.setNotice(null, 'zh');
  }
}
