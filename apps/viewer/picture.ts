/**
 * A cell as a picture: what is drawn, measurements, lines, scale, letters and warnings, in the pixels of the screen. The corners
 * that name the patient are not on it; of the others only what says how the image is shown. A picture that cannot be had whole is none.
 */

/** Pixels of the long side at most. */
export const LONGEST = 1600;
/** Bytes the records take (ris/keyimages/rules.py). */
export const LARGEST = 2 * 1024 * 1024;
const QUALITIES = [0.95, 0.9, 0.8, 0.6] as const;
/** Lines of the corners (corners.ts) that a picture carries; whatever is not named here stays off it. */
const LINES = new Set(['filter', 'plane', 'series', 'image', 'location', 'window']);
/** How an SVG is drawn, where its own document says it by a style sheet. */
const DRAWN_BY = ['fill', 'fill-opacity', 'stroke', 'stroke-width', 'stroke-dasharray', 'stroke-linecap', 'stroke-linejoin', 'stroke-opacity', 'opacity', 'filter', 'visibility', 'display', 'font-family', 'font-size', 'font-weight', 'text-anchor', 'dominant-baseline'];
const FONT = 'system-ui, "Noto Sans CJK SC", "Microsoft YaHei", sans-serif';
const EDGE = 8; // CSS pixels

interface Piece {
  left: number;
  top: number;
  width: number;
  height: number;
}

interface Line {
  text: string;
  x: number;
  y: number;
  align: CanvasTextAlign;
  size: number;
  weight: string;
  colour: string;
}

/** An SVG as it looks in its page, in a document of its own. */
function standalone(svg: SVGSVGElement, { width, height }: Piece): string {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const [from, to] = [[svg, ...svg.querySelectorAll<SVGElement>('*')], [copy, ...copy.querySelectorAll<SVGElement>('*')]];
  from.forEach((element, at) => {
    const style = getComputedStyle(element);
    const other = to[at] as SVGElement;
    other.removeAttribute('style');
    other.removeAttribute('class');
    for (const name of DRAWN_BY) {
      const value = style.getPropertyValue(name);
      // A filter is named by its page's address there.
      if (value && value !== 'none' && value !== 'normal') other.setAttribute(name, name === 'filter' ? value.replace(/url\("[^"#]*#/, 'url("#') : value);
      else if (name === 'display' || name === 'fill' || name === 'stroke') if (value) other.setAttribute(name, value);
    }
  });
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('width', String(width));
  copy.setAttribute('height', String(height));
  return new XMLSerializer().serializeToString(copy);
}

async function loaded(xml: string): Promise<HTMLImageElement> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(xml)}`;
  await image.decode();
  return image;
}

function write(pen: CanvasRenderingContext2D, { text, x, y, align, size, weight, colour }: Line): void {
  pen.font = `${weight} ${size}px ${FONT}`;
  pen.textAlign = align;
  pen.textBaseline = 'middle';
  pen.lineJoin = 'round';
  pen.lineWidth = 3;
  pen.strokeStyle = 'rgba(0, 0, 0, .85)';
  pen.strokeText(text, x, y);
  pen.fillStyle = colour;
  pen.fillText(text, x, y);
}

/** Breaks words that are wider than the room; Chinese has no spaces to break at. */
function broken(pen: CanvasRenderingContext2D, text: string, room: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const letter of text) {
    if (line !== '' && pen.measureText(line + letter).width > room) {
      lines.push(line);
      line = '';
    }
    line += letter;
  }
  return [...lines, line];
}

/** What stands over the image: letters, scale, warnings, how it is shown. Read from the page, so that it is what the reader saw. */
function written(root: HTMLElement, at: (element: Element) => Piece): { lines: Line[]; bars: Piece[]; warnings: string[]; items: Set<string> } {
  const lines: Line[] = [];
  const items = new Set<string>();
  const seen = (element: HTMLElement): boolean => element.textContent !== '' && element.checkVisibility({ visibilityProperty: true });
  const add = (element: HTMLElement, align: CanvasTextAlign): void => {
    const { left, top, width, height } = at(element);
    const style = getComputedStyle(element);
    const x = align === 'center' ? left + width / 2 : align === 'right' ? left + width : left;
    lines.push({ text: element.textContent ?? '', x, y: top + height / 2, align, size: parseFloat(style.fontSize), weight: style.fontWeight, colour: style.color });
  };
  for (const element of root.querySelectorAll<HTMLElement>('.px-line')) {
    const item = element.dataset['item'] ?? '';
    if (!LINES.has(item) || !seen(element)) continue;
    items.add(item);
    add(element, getComputedStyle(element).textAlign === 'right' ? 'right' : 'left');
  }
  for (const element of root.querySelectorAll<HTMLElement>('.px-edge, .px-vr-edge, .px-scale-text')) if (seen(element)) add(element, 'center');
  const bars = [...root.querySelectorAll<HTMLElement>('.px-scale-bar')].filter((bar) => bar.checkVisibility()).map(at);
  const warnings = [...root.querySelectorAll<HTMLElement>('.px-warnings > *')].filter(seen).map((one) => one.textContent ?? '');
  return { lines, bars, warnings: [...new Set(warnings)], items };
}

/** `making`: in words, for what is no received image; it is on the picture wherever the corners do not say it. */
export async function pictureOf(root: HTMLElement, making: string): Promise<HTMLCanvasElement> {
  const outer = root.getBoundingClientRect();
  const [left, top, width, height] = [outer.left + root.clientLeft, outer.top + root.clientTop, root.clientWidth, root.clientHeight];
  const scale = Math.min(devicePixelRatio || 1, LONGEST / Math.max(width, height));
  const at = (element: Element): Piece => {
    const box = element.getBoundingClientRect();
    return { left: box.left - left, top: box.top - top, width: box.width, height: box.height };
  };
  const sheet = document.createElement('canvas');
  [sheet.width, sheet.height] = [Math.round(width * scale), Math.round(height * scale)];
  const pen = sheet.getContext('2d', { alpha: false });
  if (!pen) throw new Error('no canvas');
  pen.scale(scale, scale);
  pen.fillStyle = '#000';
  pen.fillRect(0, 0, width, height);
  // A rendering covers the picture of its cell.
  const drawn = [...(root.querySelector('.px-vr') ?? root).querySelectorAll<HTMLCanvasElement | SVGSVGElement>('canvas, svg')];
  const pieces: { piece: Piece; what: HTMLCanvasElement | Promise<HTMLImageElement> }[] = [];
  for (const one of drawn) {
    if (one.closest('.px-magnifier, .px-vr-controls, .px-dialog') || !one.checkVisibility({ visibilityProperty: true })) continue;
    const piece = at(one);
    if (piece.width < 1 || piece.height < 1) continue;
    if (one instanceof HTMLCanvasElement) {
      // A copy of this moment: the reader may go on while the drawings are read.
      const copy = document.createElement('canvas');
      [copy.width, copy.height] = [Math.max(1, one.width), Math.max(1, one.height)];
      copy.getContext('2d')?.drawImage(one, 0, 0);
      pieces.push({ piece, what: copy });
    } else if (one.childElementCount > 0) pieces.push({ piece, what: loaded(standalone(one, piece)) });
  }
  const { lines, bars, warnings, items } = written(root, at);
  const images = await Promise.all(pieces.map(({ what }) => what));
  images.forEach((image, place) => {
    const { piece } = pieces[place] as { piece: Piece };
    pen.drawImage(image, piece.left, piece.top, piece.width, piece.height);
  });
  lines.forEach((line) => write(pen, line));
  for (const bar of bars) frameBar(pen, bar);
  pen.font = `400 13px ${FONT}`;
  const notes = [...(making === '' || items.has('plane') ? [] : [making]), ...warnings].flatMap((text) => broken(pen, text, width - 2 * EDGE));
  notes.forEach((text, line) => write(pen, { text, x: EDGE, y: EDGE + 9 + 18 * line, align: 'left', size: 13, weight: '400', colour: '#ffcf66' }));
  return sheet;
}

/** The scale: a line with its two ends up. */
function frameBar(pen: CanvasRenderingContext2D, { left, top, width, height }: Piece): void {
  for (const [style, thick] of [['#000', 3], ['#e8e8e6', 1]] as const) {
    pen.strokeStyle = style;
    pen.lineWidth = thick;
    pen.beginPath();
    pen.moveTo(left + 0.5, top);
    pen.lineTo(left + 0.5, top + height - 0.5);
    pen.lineTo(left + width - 0.5, top + height - 0.5);
    pen.lineTo(left + width - 0.5, top);
    pen.stroke();
  }
}

/** The bytes of a picture: without loss where it is small enough. */
export async function encoded(sheet: HTMLCanvasElement): Promise<Blob> {
  const bytes = (type: string, quality?: number): Promise<Blob | null> => new Promise((resolve) => sheet.toBlob(resolve, type, quality));
  const whole = await bytes('image/png');
  if (whole && whole.size <= LARGEST) return whole;
  for (const quality of QUALITIES) {
    const picture = await bytes('image/jpeg', quality);
    if (picture && picture.size <= LARGEST) return picture;
  }
  throw new Error('the picture is too large');
}
