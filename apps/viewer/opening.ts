/** Opens in a cell what is asked for: the images of a series, or what is computed from them. */
import type { Cell } from './cell';
import type { Described } from './described';
import { store } from './engine';
import type { HungRequest } from './hanging/hung';
import { sourceOf } from './reconstruction';
import type { ImageSource } from './source';
import type { Spatial } from './spatial';
import type { Treated } from './treated';
import { Cpr } from './volume/curved/cpr';
import { Reformat } from './volume/reformat';
import { windowFunction } from './window';

export interface OpeningAround {
  /** Of the viewer: it holds what it shows. */
  readonly id: string;
  /** Prefix of the image service. */
  readonly base: string;
  readonly described: Described;
  readonly treated: Treated;
  spatial(): Spatial;
  /** Whether the user draws curves. */
  drawsCurves(): boolean;
  /** The series of a cell in planes, with the curve tool in hand. */
  drawCurve(cell: Cell): void;
}

export class Opening {
  constructor(private readonly around: OpeningAround) {}

  put(request: HungRequest, cell: Cell): void {
    const { around } = this;
    const series = store.show(around.base, { study: request.study, series: request.series }, around.id);
    around.described.open(cell, request.info ?? {});
    const source = this.sourceFor(request, series);
    cell.show(source, {
      ...(request.index === undefined ? {} : { index: request.index }),
      ...(request.frames === undefined ? {} : { frames: request.frames }),
      ...(request.window === undefined ? {} : { window: { ...request.window, function: windowFunction(request.window.function) } }),
      ...(request.turn ? { turn: request.turn } : {}),
    });
    // A curve is of one patient: where none was drawn, the cell says what is to be done.
    if (request.curved && source === series && around.drawsCurves()) cell.wantCurve(() => around.drawCurve(cell));
    void around.described.complete(cell, series);
  }

  private sourceFor({ plane, curved, reconstruction }: HungRequest, series: ImageSource): ImageSource {
    const removal = this.around.treated.removalOf(series);
    const curve = curved ? this.around.spatial().curveOf(series) : null;
    if (reconstruction) return sourceOf(reconstruction, series, removal) ?? series;
    if (curve) return new Cpr(series, { ...curve, removal });
    return plane ? new Reformat(series, { name: plane, removal }) : series;
  }
}
