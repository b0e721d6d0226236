/** How the picture of the active cell looks: greys, turning, size, filters, and what others drew on it. */
import type { OwnPreset, WindowSetting } from '../api';
import { nextGamma } from '../curve';
import type { FilterSetting } from '../filter';
import { ShownOverlay, type OverlayData, type OverlayLook } from '../overlays/overlay';
import { windowFunction } from '../window';
import type { Workings } from '../workings';

export class Looking {
  constructor(private readonly inside: Workings) {}

  setWindow(window: WindowSetting): void {
    if (Number.isFinite(window.center) && Number.isFinite(window.width)) this.inside.cell.setWindow({ ...window, function: windowFunction(window.function) });
  }

  preset(id: string): void {
    const { cell, presets } = this.inside;
    presets.apply(cell, presets.of(cell).find((one) => one.id === id));
  }

  presetAt(position: number): void {
    const { cell, presets } = this.inside;
    presets.apply(cell, presets.of(cell)[position]);
  }

  setPresets(own: OwnPreset[]): void {
    const { inside } = this;
    inside.presets.own = own;
    inside.cells.forEach((cell) => cell.greys.applyAutomatic());
    inside.telling.changed();
  }

  setGamma(gamma: number): void {
    if (Number.isFinite(gamma)) this.inside.cell.setGamma(gamma);
  }

  stepGamma(step: 1 | -1): void {
    this.setGamma(nextGamma(this.inside.cell.grey.gamma, step));
  }

  invert(): void {
    this.inside.cell.invert();
  }

  rotate(degrees: number): void {
    if (Number.isFinite(degrees)) this.inside.cell.framing.rotate(degrees);
  }

  turnTo(degrees: number): void {
    if (Number.isFinite(degrees)) this.inside.cell.framing.turnTo(degrees);
  }

  flip(axis: 'horizontal' | 'vertical'): void {
    this.inside.cell.framing.flip(axis);
  }

  zoomBy(factor: number): void {
    this.inside.cell.framing.zoomBy(factor);
  }

  trueSize(measure = false): void {
    void this.inside.size.show(measure);
  }

  /** Of the active cell's series, in every cell that shows it. */
  setFilter(filter: FilterSetting | null): void {
    const { cell, treated, telling } = this.inside;
    if (treated.setFilter(cell.series, filter)) telling.changed();
  }

  reset(): void {
    const { cell, solid, spatial } = this.inside;
    if (solid.reset(cell)) return;
    spatial.straighten();
    this.setFilter(null);
    cell.reset();
  }

  setPlanes(on = !this.inside.planes.on): void {
    this.inside.planes.on = on;
    this.inside.planesChanged(null);
  }

  setOverlay(overlay: OverlayData | null): void {
    this.inside.foreign = overlay ? new ShownOverlay(overlay) : null;
    for (const cell of this.inside.cells) cell.drawForeign();
  }

  setOverlayLook({ hidden, opacity }: OverlayLook): void {
    const { foreign, cells } = this.inside;
    if (!foreign) return;
    foreign.look = { hidden: [...hidden], opacity: Math.min(1, Math.max(0, opacity)) };
    for (const cell of cells) cell.drawForeign();
  }
}
