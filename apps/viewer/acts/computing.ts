/** What is computed from a series: planes, slabs, curves, renderings, what is taken out of them, and the point all views share (V-27 … V-37). */
import type { CprChange, Slab } from '../api';
import type { RenderingChange } from '../rendering/view';
import { Cpr } from '../volume/curved/cpr';
import { Reformat } from '../volume/reformat';
import type { Workings } from '../workings';

export class Computing {
  constructor(private readonly inside: Workings) {}

  mpr(on?: boolean): void {
    this.inside.spatial.toggleMpr(on);
    this.inside.dropCurve();
  }

  setSlab(slab: Slab | null): void {
    const { cell } = this.inside;
    const { series: source } = cell;
    const thick = slab && slab.thickness > 0 ? slab : null;
    if (source instanceof Reformat) cell.replace(source.with({ slab: thick }));
    else if (source instanceof Cpr) cell.replace(source.with({ slab: thick }));
  }

  setCurve(points: [number, number, number][] | null): void {
    this.inside.spatial.setCurve(points);
  }

  finishCurve(): void {
    this.inside.spatial.curve.finish();
  }

  setCpr(change: CprChange): void {
    this.inside.spatial.setCpr(change);
  }

  rendering(on?: boolean): void {
    this.inside.solid.toggle(on);
  }

  setRendering(change: RenderingChange): void {
    this.inside.solid.change(change);
  }

  renderedAt(at: [number, number, number]): { x: number; y: number } | null {
    return this.inside.solid.screenOf(at);
  }

  setMasks(masks: readonly ArrayBuffer[]): void {
    const { cell, treated, solid, telling } = this.inside;
    const base = cell.series?.base;
    if (!base) return;
    treated.setMasks(base, masks);
    solid.masked(base);
    telling.changed();
  }

  setPoint(at: [number, number, number]): void {
    const { cell, spatial } = this.inside;
    const space = spatial.spaceOf(cell);
    if (space && at.every(Number.isFinite)) spatial.setPlace({ at, space });
  }
}
