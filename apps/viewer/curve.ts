/** Our grey curve on an image of Cornerstone: its own window falls back silently at the next slice (linear, old range). */
import vtkColorTransferFunction from '@kitware/vtk.js/Rendering/Core/ColorTransferFunction.js';

export interface ImageProperty {
  setRGBTransferFunction(index: number, curve: unknown): void;
  setUseLookupTableScalarRange(use: boolean): void;
}

/** Replaces the whole curve, so that nothing of an earlier one can remain. */
export function setCurve(property: ImageProperty, points: [number, number][]): void {
  const curve = vtkColorTransferFunction.newInstance();
  for (const [value, grey] of points) curve.addRGBPoint(value, grey, grey, grey);
  property.setRGBTransferFunction(0, curve);
  property.setUseLookupTableScalarRange(true);
}
