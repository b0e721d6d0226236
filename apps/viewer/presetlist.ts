/** Which window presets a cell is offered, and which applies to it by itself (V-4). */
import type { Cell } from './cell';
import type { Described } from './described';
import { automaticChoice, presetsOf, type Choice, type OwnPreset, type Preset, type SeriesFacts } from './presets';

export interface PresetAround {
  readonly described: Described;
  /** Whether the user has presets at all. */
  offered(): boolean;
}

const factsOf = ({ info }: Cell): SeriesFacts => ({ modality: info.modality ?? null, description: info.series_description ?? null });

export class PresetList {
  /** The reader's own. */
  own: readonly OwnPreset[] = [];

  constructor(private readonly around: PresetAround) {}

  of(cell: Cell): Preset[] {
    return this.around.offered() ? presetsOf(factsOf(cell), cell.currentFrame(), this.own) : [];
  }

  apply(cell: Cell, preset: Preset | undefined): void {
    const opened = cell.greys.openedWindow();
    if (opened && preset) cell.greys.apply(preset.choice(opened));
  }

  automatic(cell: Cell): Choice | null {
    // A preset for a description that is still to come might stand before the one that fits without it.
    return this.around.described.settled(cell) ? automaticChoice(factsOf(cell), this.own) : null;
  }
}
