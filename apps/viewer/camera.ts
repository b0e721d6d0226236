/** What follows from where the camera looks: letters at the edges, zoom in pixels, the scale bar. */
import type { Types } from '@cornerstonejs/core';
import type { Frame } from './frame';
import { toWorld } from './geometry';
import { edgeLetters, type EdgeLetters } from './orientation';
import { scaleFor, type Scale } from './scale';

export class Camera {
  constructor(private readonly viewport: Types.IStackViewport) {}

  /** Letters only where the header gives an orientation; a guess would be worse than none. */
  letters(frame: Frame): EdgeLetters | null {
    if (frame.orientation?.length !== 6) return null;
    const { viewUp, viewPlaneNormal } = this.viewport.getCamera();
    return viewUp && viewPlaneNormal ? edgeLetters(viewUp, viewPlaneNormal) : null;
  }

  /** CSS pixels on the screen for one image pixel, along a row. */
  pixelsPerImagePixel(frame: Frame): number {
    const [ax, ay] = this.viewport.worldToCanvas(toWorld(frame, [0, 0]));
    const [bx, by] = this.viewport.worldToCanvas(toWorld(frame, [100, 0]));
    return Math.hypot(bx - ax, by - ay) / 100;
  }

  scale(frame: Frame, room: number): Scale | null {
    if (!frame.spacing || frame.spacing_kind === 'none' || frame.outside) return null;
    const pixels = this.pixelsPerImagePixel(frame);
    return pixels > 0 ? scaleFor(frame.spacing[1] / pixels, room, frame.spacing_kind === 'imager') : null;
  }

  view(): { zoom: number; pan: [number, number] } {
    const [x, y] = this.viewport.getPan();
    return { zoom: this.viewport.getZoom(), pan: [x, y] };
  }

  zoomBy(factor: number): void {
    this.viewport.setZoom(Math.min(50, Math.max(0.05, this.viewport.getZoom() * factor)));
    this.viewport.render();
  }
}
