/** A series dragged from a list into a cell. What is dropped comes from outside: it is looked at before it is believed. */
import type { SeriesRef } from './api';

/** Type of the dragged data: JSON of a `SeriesRef`. */
export const DRAGGED = 'application/x-dicom-series';

function seriesOf(data: DataTransfer | null): SeriesRef | null {
  try {
    const { study, series } = JSON.parse(data?.getData(DRAGGED) ?? '') as Partial<SeriesRef>;
    return typeof study === 'string' && typeof series === 'string' && /^[0-9.]{1,64} [0-9.]{1,64}$/.test(`${study} ${series}`) ? { study, series } : null;
  } catch {
    return null;
  }
}

/** Calls `dropped` with the series and the cell it fell into; the answer ends it. */
export function acceptDrops(root: HTMLElement, cellAt: (target: Node) => number, dropped: (series: SeriesRef, cell: number) => void): () => void {
  const mark = (cell: number): void => {
    [...root.children].forEach((one, position) => one.classList.toggle('px-target', position === cell));
  };
  const over = (event: DragEvent): void => {
    if (!event.dataTransfer?.types.includes(DRAGGED)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = 'copy';
    mark(cellAt(event.target as Node));
  };
  const leave = (event: DragEvent): void => {
    if (!root.contains(event.relatedTarget as Node | null)) mark(-1);
  };
  const drop = (event: DragEvent): void => {
    mark(-1);
    const series = seriesOf(event.dataTransfer);
    const cell = cellAt(event.target as Node);
    if (!series || cell < 0) return;
    event.preventDefault();
    dropped(series, cell);
  };
  root.addEventListener('dragover', over);
  root.addEventListener('dragleave', leave);
  root.addEventListener('drop', drop);
  return () => {
    root.removeEventListener('dragover', over);
    root.removeEventListener('dragleave', leave);
    root.removeEventListener('drop', drop);
  };
}
