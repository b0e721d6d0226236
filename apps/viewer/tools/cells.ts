/** Which cell an element belongs to: tools get only the element from Cornerstone. */
export interface ToolCell {
  readonly count: number;
  dragWindow(dx: number, dy: number): void;
  scrollBy(images: number): void;
  readonly framing: {
    /** Clockwise, degrees. */
    rotate(degrees: number): void;
  };
  /** Where the middle of the image is, CSS pixels within the cell; null before the first. */
  middle(): readonly [number, number] | null;
  /** Who draws here, for the record of a measurement. */
  readonly author: string;
}

const cells = new WeakMap<HTMLElement, ToolCell>();

export function setCell(element: HTMLElement, cell: ToolCell): void {
  cells.set(element, cell);
}

export function cellOf(element: HTMLElement): ToolCell | undefined {
  return cells.get(element);
}
