/** Our greys on an image of Cornerstone: its own window falls back silently at the next slice (linear, old range). */
import vtkColorTransferFunction from '@kitware/vtk.js/Rendering/Core/ColorTransferFunction.js';
import type { Samples } from './curve';

/** The parts of Cornerstone's image that carry its greys. */
export interface ImageActor {
  getProperty(): { setRGBTransferFunction(index: number, curve: unknown): void; setUseLookupTableScalarRange(use: boolean): void };
  getMapper(): { setColorTextureWidth(width: number): unknown };
}

/** Replaces the whole curve, so that nothing of an earlier one can remain. The texture takes each sample as it is. */
export function setGreys(actor: ImageActor, { from, to, greys }: Samples): void {
  const ends = vtkColorTransferFunction.newInstance();
  ends.addRGBPoint(from, greys[0] ?? 0, greys[0] ?? 0, greys[0] ?? 0);
  const top = greys[greys.length - 1] ?? 0;
  ends.addRGBPoint(to, top, top, top);
  const getTable = (_from: number, _to: number, size: number, table: Float32Array): void => {
    for (let i = 0; i < size; i += 1) table.fill(greys[Math.min(i, greys.length - 1)] as number, 3 * i, 3 * i + 3);
  };
  actor.getMapper().setColorTextureWidth(greys.length);
  const property = actor.getProperty();
  property.setRGBTransferFunction(0, { ...ends, getTable });
  property.setUseLookupTableScalarRange(true);
}
