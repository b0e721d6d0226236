/** What is done to a series' images before they are drawn, in every cell that shows it: a filter on them, masks taken out of what is computed. */
import type { MaskKind } from './api';
import type { Cell } from './cell';
import { isFilter, type FilterSetting } from './filter';
import type { ImageSource } from './source';
import { Cpr } from './volume/curved/cpr';
import { readMask, Removal } from './volume/mask';
import { Reformat } from './volume/reformat';

export class Treated {
  private readonly filters = new Map<string, FilterSetting>();
  private readonly removals = new Map<string, Removal>();

  constructor(private readonly cells: () => readonly Cell[]) {}

  clear(): void {
    this.filters.clear();
    this.removals.clear();
  }

  filterOf(source: ImageSource): FilterSetting | null {
    return this.filters.get(source.key.series) ?? null;
  }

  removalOf(base: ImageSource): Removal | null {
    return this.removals.get(base.key.series) ?? null;
  }

  removedFrom(source: ImageSource | null): MaskKind[] {
    return source ? (this.removalOf(source.base)?.kinds ?? []) : [];
  }

  /** False when nothing changes. */
  setFilter(source: ImageSource | null, filter: FilterSetting | null): boolean {
    if (!source || (filter !== null && !isFilter(filter))) return false;
    const before = this.filterOf(source);
    if (before?.name === filter?.name && before?.strength === filter?.strength) return false;
    if (filter) this.filters.set(source.key.series, { ...filter });
    else this.filters.delete(source.key.series);
    for (const cell of this.cells()) if (cell.series?.base === source.base) cell.reload();
    return true;
  }

  /** @throws Error for what is no mask. */
  setMasks(base: ImageSource, masks: readonly ArrayBuffer[]): void {
    const removal = masks.length > 0 ? new Removal(masks.map(readMask)) : null;
    if (removal) this.removals.set(base.key.series, removal);
    else this.removals.delete(base.key.series);
    for (const cell of this.cells()) {
      const { series } = cell;
      if (series?.base === base && (series instanceof Reformat || series instanceof Cpr)) cell.replace(series.with({ removal }));
    }
  }
}
