/** What a page is told of the active cell. */
import type { ViewerState } from './api';
import type { Cell } from './cell';
import { lutName } from './lut';
import type { Preset } from './presets';
import { Cpr } from './volume/curved/cpr';
import { Reformat } from './volume/reformat';
import type { Language } from './words';

/** What belongs to the viewer as a whole is added there. */
export type CellState = Omit<ViewerState, 'tool' | 'layout' | 'active' | 'filter' | 'cine' | 'linked' | 'mpr' | 'curve' | 'rendering' | 'point' | 'removed'>;

export function stateOf(cell: Cell, language: Language, presets: readonly Preset[]): CellState {
  const { series, grey } = cell;
  return {
    study: series?.key.study ?? null,
    series: series?.key.series ?? null,
    modality: cell.info.modality ?? null,
    index: cell.index,
    count: cell.count,
    loaded: series?.loaded ?? 0,
    phase: series?.phase ?? 'empty',
    window: grey.lut ? null : cell.getWindow(),
    lut: grey.lut ? lutName(grey.lut) : null,
    gamma: grey.gamma,
    inverted: cell.inverted,
    ...cell.view(),
    plane: cell.currentFrame()?.plane?.name ?? null,
    slab: series instanceof Reformat || series instanceof Cpr ? (series.setting.slab ?? null) : null,
    warnings: cell.warnings(),
    presets: presets.map(({ id, zh, en, own }) => ({ id, label: language === 'zh' ? zh : en, own: own ?? false })),
    description: cell.info.series_description ?? null,
  };
}
