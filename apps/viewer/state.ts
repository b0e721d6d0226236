/** What a page is told of the viewer and its active cell. */
import type { ViewerState } from './api';
import type { Cell } from './cell';
import { lutName } from './lut';
import type { Preset } from './presets';
import { Cpr } from './volume/curved/cpr';
import { Reformat } from './volume/reformat';
import type { Language } from './words';
import type { Workings } from './workings';

type CellState = Omit<ViewerState, 'tool' | 'layout' | 'active' | 'filter' | 'cine' | 'linked' | 'mpr' | 'curve' | 'rendering' | 'point' | 'removed' | 'planes'>;

function stateOf(cell: Cell, language: Language, presets: readonly Preset[]): CellState {
  const { series, grey } = cell;
  return {
    study: series?.key.study ?? null,
    series: series?.key.series ?? null,
    modality: cell.info.modality ?? null,
    index: cell.index,
    count: cell.count,
    loaded: series?.loaded ?? 0,
    phase: series?.phase ?? 'empty',
    window: grey.lut ? null : cell.grey.window,
    lut: grey.lut ? lutName(grey.lut) : null,
    gamma: grey.gamma,
    inverted: cell.grey.inverted,
    ...cell.view(),
    plane: cell.currentFrame()?.plane?.name ?? null,
    slab: series instanceof Reformat || series instanceof Cpr ? (series.setting.slab ?? null) : null,
    warnings: cell.warnings(),
    presets: presets.map(({ id, zh, en, own }) => ({ id, label: language === 'zh' ? zh : en, own: own ?? false })),
    description: cell.info.series_description ?? null,
  };
}

export function viewerState(inside: Workings): ViewerState {
  const { cell, grid, spatial } = inside;
  return {
    ...stateOf(cell, inside.language, inside.presets.of(cell)),
    tool: inside.tool,
    layout: grid.layout,
    active: grid.active,
    filter: cell.series ? inside.treated.filterOf(cell.series) : null,
    cine: inside.cine.setting,
    linked: inside.linking.on,
    mpr: spatial.mpr.on,
    curve: spatial.curveState(inside.tool === 'curve'),
    rendering: inside.solid.state,
    removed: inside.treated.removedFrom(cell.series),
    planes: planesState(inside),
    point: spatial.place ? [...spatial.place.at] : null,
  };
}

function planesState({ cell, planes }: Workings): ViewerState['planes'] {
  const frame = cell.currentFrame();
  const layers = cell.series && frame ? planes.layersOn(cell.series, frame) : [];
  return layers.length > 0 ? { on: planes.on, layers } : null;
}
