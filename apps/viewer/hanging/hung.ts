/** Puts a whole screen up: the leading cell first, and what comes from other series only when its picture is there, so that no case waits longer. */
import type { Cell } from '../cell';
import type { ShowRequest } from '../api';
import { UPRIGHT, type Turn } from '../turned';
import type { LayoutName } from '../layout';
import { Cpr } from '../volume/curved/cpr';
import { Reformat } from '../volume/reformat';
import type { Reconstruction } from '../reconstruction';
import type { Screen, ScreenCell } from './own';
import type { CellView } from './protocol';

/** What a cell shall show. */
export interface HungRequest extends Omit<ShowRequest, 'cell'> {
  rendering?: boolean;
  /** A CPR of the curve drawn in these images; where there is none, the images and the request to draw it. */
  curved?: boolean;
  /** A picture computed as it was; a rendering needs `rendering` too. */
  reconstruction?: Reconstruction;
  gamma?: number;
  inverted?: boolean;
  turn?: Turn;
}

const viewOf = ({ rendering, curved, plane }: HungRequest): CellView => (rendering ? 'rendering' : curved ? 'curved' : (plane ?? 'images'));

export interface HangRequest {
  layout: LayoutName;
  /** By position; what is absent or null stays, or becomes, empty. */
  cells: (HungRequest | null)[];
  /** The leading cell: shown first, and active. */
  active: number;
  linked: boolean;
}

export interface HungHost {
  cells(): readonly Cell[];
  active(): number;
  layout(): LayoutName;
  linked(): boolean;
  arrange(layout: LayoutName, active: number): void;
  show(request: HungRequest, cell: Cell): void;
  link(on: boolean): void;
  /** The cell the rendering lies in. */
  rendered(): Cell | null;
  render(cell: Cell, as: Reconstruction | undefined): void;
}

export class Hung {
  /** What is still to come, by its cell. */
  private readonly waiting = new Map<Cell, HungRequest>();
  /** Greys and rendering of cells whose picture has not come yet. */
  private readonly finishing = new Map<Cell, HungRequest>();

  constructor(private readonly host: HungHost) {}

  hang({ layout, cells, active, linked }: HangRequest): void {
    const { host } = this;
    this.forget();
    host.link(false);
    host.arrange(layout, active);
    const all = host.cells();
    const first = cells[host.active()] ?? null;
    all.forEach((cell, position) => {
      const request = cells[position] ?? null;
      if (!request || position !== host.active()) cell.empty();
      if (request && request !== first) this.waiting.set(cell, request);
    });
    if (first) this.put(all[host.active()] as Cell, first);
    // The same images a second time cost nothing.
    for (const [cell, request] of [...this.waiting]) {
      if (!first || request.series === first.series) this.next(cell);
      else cell.expect();
    }
    host.link(linked);
  }

  /** Cells that show nothing yet get something; the others stay as they are. */
  add(layout: LayoutName, cells: (HungRequest | null)[]): void {
    const fitting = this.host.cells().filter((cell) => cell.framing.fits);
    this.host.arrange(layout, this.host.active());
    // Their cells have another size now.
    for (const cell of fitting) cell.framing.fit();
    this.host.cells().forEach((cell, position) => {
      const request = cells[position];
      if (request && cell.series === null && !this.waiting.has(cell)) this.put(cell, request);
    });
  }

  /** The picture of a cell is there, or will not come. */
  settled(cell: Cell): void {
    const done = this.finishing.get(cell);
    this.finishing.delete(cell);
    if (done && cell.index >= 0) {
      if (done.gamma !== undefined) cell.setGamma(done.gamma);
      if (done.inverted && !cell.grey.inverted) cell.invert();
      if (done.rendering) this.host.render(cell, done.reconstruction);
    }
    if (cell === this.host.cells()[this.host.active()] || this.waiting.size === 0) for (const one of [...this.waiting.keys()]) this.next(one);
  }

  /** Something else was put there. */
  taken(cell: Cell): void {
    this.waiting.delete(cell);
    this.finishing.delete(cell);
  }

  forget(): void {
    this.waiting.clear();
    this.finishing.clear();
  }

  screen(): Screen {
    const { host } = this;
    return { layout: host.layout(), active: host.active(), linked: host.linked(), cells: host.cells().map((cell) => this.seen(cell)) };
  }

  private seen(cell: Cell): ScreenCell | null {
    const waits = this.waiting.get(cell);
    if (waits) return { study: waits.study, series: waits.series, view: viewOf(waits), window: waits.window ?? null, gamma: waits.gamma ?? 1, inverted: waits.inverted ?? false, ...(waits.turn ?? UPRIGHT) };
    const { series, grey } = cell;
    if (!series) return null;
    const { rotation, mirrored } = cell.view();
    return { ...series.key, view: this.viewIn(cell), window: grey.readers() && !grey.lut ? grey.window : null, gamma: grey.gamma, inverted: grey.inverted, rotation, mirrored };
  }

  private viewIn(cell: Cell): CellView {
    if (this.host.rendered() === cell) return 'rendering';
    if (cell.series instanceof Cpr || cell.wantsCurve) return 'curved';
    return cell.series instanceof Reformat ? cell.series.setting.name : 'images';
  }

  private next(cell: Cell): void {
    const request = this.waiting.get(cell);
    this.waiting.delete(cell);
    if (request) this.put(cell, request);
  }

  /** One view by itself. */
  put(cell: Cell, request: HungRequest): void {
    this.taken(cell);
    this.host.show(request, cell);
    if (request.gamma !== undefined || request.inverted || request.rendering) this.finishing.set(cell, request);
  }
}
