/** What is known of the case in each cell: what the page gave, completed by the study's summary. */
import type { Cell } from './cell';
import type { CaseInfo } from './corners';
import type { Series } from './store';
import { caseInfo } from './summary';

export class Described {
  private readonly given = new WeakMap<Cell, CaseInfo>();
  /** Cells whose series is described as far as it ever will be. */
  private readonly whole = new WeakSet<Cell>();

  constructor(private readonly base: string) {}

  /** What the page gave for this cell, if anything. */
  of(cell: Cell): CaseInfo | undefined {
    return this.given.get(cell);
  }

  /** Another series comes into the cell. */
  open(cell: Cell, info: CaseInfo): void {
    this.given.set(cell, info);
    cell.info = info;
    this.whole.delete(cell);
  }

  /** What is described elsewhere already. */
  take(cell: Cell, info: CaseInfo): void {
    cell.info = info;
    this.whole.add(cell);
  }

  add(cell: Cell, info: CaseInfo): void {
    this.given.set(cell, { ...this.given.get(cell), ...info });
    cell.info = { ...cell.info, ...info, patient: { ...cell.info.patient, ...info.patient } };
    cell.refresh();
  }

  /** Reads the summary; nothing happens when the cell shows another series by then. */
  async complete(cell: Cell, series: Series): Promise<void> {
    const read = await caseInfo(this.base, series.key.study, series.key.series);
    if (cell.series?.base !== series) return;
    const given = this.given.get(cell) ?? {};
    // What was given holds; what was given as unknown does not hide what was read.
    const known = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null && value !== undefined)) as CaseInfo;
    this.take(cell, { ...read, ...known, patient: { ...read.patient, ...given.patient } });
    cell.greys.applyAutomatic();
    cell.refresh();
  }

  /** Whether no more will be known of the cell's series: an automatic preset may be chosen. */
  settled(cell: Cell): boolean {
    const { modality, series_description } = cell.info;
    return this.whole.has(cell) || ((modality ?? null) !== null && (series_description ?? null) !== null);
  }
}
