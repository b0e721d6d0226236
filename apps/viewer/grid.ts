/** The cells of a viewer, side by side, and the active one. */
import { gridOf, isLayout, type LayoutName } from './layout';

/** What the grid asks of a cell. */
interface GridCell {
  readonly root: HTMLElement;
  enable(): void;
  resized(): void;
  dispose(): void;
}

export interface GridParts<C extends GridCell> {
  root: HTMLElement;
  make(): C;
  label(position: number): string;
  /** The cells have another size. */
  resized(): void;
  /** Another cell is active, or there are others. */
  changed(): void;
}

export class Grid<C extends GridCell> {
  cells: C[] = [];
  active = 0;

  constructor(
    private readonly parts: GridParts<C>,
    public layout: LayoutName,
  ) {}

  get cell(): C {
    return this.cells[this.active] as C;
  }

  /** Index of the cell an element lies in; −1 outside. */
  at(target: Node): number {
    return this.cells.findIndex((cell) => cell.root.contains(target));
  }

  setLayout(layout: LayoutName): void {
    if (!isLayout(layout) || layout === this.layout) return;
    this.layout = layout;
    this.arrange();
  }

  arrange(): void {
    const { root } = this.parts;
    const { columns, rows } = gridOf(this.layout);
    const wanted = columns * rows;
    // The active cell keeps its picture when the grid shrinks.
    while (this.cells.length > wanted) {
      const last = this.cells.length - 1;
      const [gone] = this.cells.splice(this.active === last ? last - 1 : last, 1);
      gone?.dispose();
      this.active = Math.min(this.active, this.cells.length - 1);
    }
    while (this.cells.length < wanted) {
      const cell = this.parts.make();
      this.cells.push(cell);
      root.append(cell.root);
    }
    root.dataset['cells'] = String(wanted);
    root.style.gridTemplate = `repeat(${rows}, minmax(0, 1fr)) / repeat(${columns}, minmax(0, 1fr))`;
    this.setActive(this.active);
    this.resize();
  }

  setActive(cell: number): void {
    this.active = Math.min(Math.max(0, cell), this.cells.length - 1);
    this.cells.forEach((one, position) => {
      one.root.classList.toggle('px-active', position === this.active);
      one.root.setAttribute('aria-label', this.parts.label(position));
    });
    this.parts.changed();
  }

  resize(): void {
    for (const cell of this.cells) cell.enable();
    this.parts.resized();
    for (const cell of this.cells) cell.resized();
  }

  dispose(): void {
    for (const cell of this.cells) cell.dispose();
    this.cells = [];
  }
}
