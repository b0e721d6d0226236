/** What follows from where the camera looks: letters at the edges, zoom in pixels, the scale bar. */
import type { Types } from '@cornerstonejs/core';
import type { Frame } from './frame';
import { toWorld } from './geometry';
import { edgeLetters, rowLetters, type EdgeLetters } from './orientation';
import { scaleFor, type Scale } from './scale';
import { turnOf, type Turn } from './turned';

/** How a cell looks at its image: zoom 1 fits it, pan in CSS pixels, clockwise rotation in degrees (to a tenth), after mirroring left and right. */
export interface View extends Turn {
  zoom: number;
  pan: [number, number];
}

/** mm of the whole image; null where only a part of it has any, or none. */
function spacingOf(frame: Frame): [number, number] | null {
  return frame.calibrated ?? (frame.spacing_kind === 'none' || frame.outside ? null : frame.spacing);
}

export class Camera {
  constructor(private readonly viewport: Types.IStackViewport) {}

  /** Letters only where the header gives an orientation; a guess would be worse than none. */
  letters(frame: Frame): EdgeLetters | null {
    const { viewUp, viewPlaneNormal } = this.viewport.getCamera();
    if (frame.curved?.direction && viewUp && viewPlaneNormal) return rowLetters(viewUp, viewPlaneNormal, frame.curved.direction);
    if (frame.orientation?.length !== 6) return null;
    return viewUp && viewPlaneNormal ? edgeLetters(viewUp, viewPlaneNormal) : null;
  }

  /** CSS pixels on the screen for one image pixel, along a row. */
  pixelsPerImagePixel(frame: Frame): number {
    const [ax, ay] = this.viewport.worldToCanvas(toWorld(frame, [0, 0]));
    const [bx, by] = this.viewport.worldToCanvas(toWorld(frame, [100, 0]));
    return Math.hypot(bx - ax, by - ay) / 100;
  }

  scale(frame: Frame, room: number): Scale | null {
    const spacing = spacingOf(frame);
    const pixels = this.pixelsPerImagePixel(frame);
    return spacing && pixels > 0 ? scaleFor(spacing[1] / pixels, room, frame.spacing_kind === 'imager' && !frame.calibrated) : null;
  }

  /** How many times larger than the patient the image is on a screen of such CSS pixels; null where it has no mm. */
  magnification(frame: Frame, mmPerPixel: number): number | null {
    const spacing = spacingOf(frame);
    return spacing ? (this.pixelsPerImagePixel(frame) * mmPerPixel) / spacing[1] : null;
  }

  view(): View {
    const [x, y] = this.viewport.getPan();
    return { zoom: this.viewport.getZoom(), pan: [x, y], ...this.turned() };
  }

  private turned(): Turn {
    const { flipHorizontal, flipVertical } = this.viewport.getCamera();
    // Upside down is mirrored and turned by half: one way to say each view.
    const rotation = (this.viewport.getViewPresentation().rotation ?? 0) + (flipVertical ? 180 : 0);
    return { rotation: turnOf(rotation), mirrored: Boolean(flipHorizontal) !== Boolean(flipVertical) };
  }

  /** Turns the picture about its middle until its `rotation` is this: clockwise on the screen, whichever way round it is. */
  turnTo(degrees: number): void {
    const { flipVertical } = this.viewport.getCamera();
    this.viewport.setViewPresentation({ rotation: turnOf(degrees + (flipVertical ? 180 : 0)) });
    this.viewport.render();
  }

  /** Mirrors the picture on the screen: left and right, or top and bottom. */
  flip(axis: 'horizontal' | 'vertical'): void {
    const { flipHorizontal, flipVertical } = this.viewport.getCamera();
    this.viewport.setCamera(axis === 'horizontal' ? { flipHorizontal: !flipHorizontal } : { flipVertical: !flipVertical });
    this.viewport.render();
  }

  /** As another picture is; upright without one. */
  turnLike({ rotation, mirrored }: Turn): void {
    // Mirrored upright: a mirrored turned picture would be turned the other way.
    this.viewport.setViewPresentation({ rotation: 0 });
    this.viewport.setCamera({ flipHorizontal: mirrored, flipVertical: false });
    this.viewport.setViewPresentation({ rotation: turnOf(rotation) });
  }

  /** The whole image, as large as the view allows. */
  fit(): void {
    this.viewport.resetCamera();
  }

  moveBy(factor: number, [dx, dy]: readonly [number, number]): void {
    const [x, y] = this.viewport.getPan();
    this.viewport.setZoom(Math.min(50, Math.max(0.05, this.viewport.getZoom() * factor)));
    this.viewport.setPan([x * factor + dx, y * factor + dy]);
    this.viewport.render();
  }

  /** Zooms, and brings the place that lies so many CSS pixels off the middle of the view into it. */
  frameAs(zoom: number, [dx, dy]: readonly [number, number]): void {
    const factor = zoom / this.viewport.getZoom();
    this.moveBy(factor, [dx * factor, dy * factor]);
  }

  zoomBy(factor: number): void {
    this.viewport.setZoom(Math.min(50, Math.max(0.05, this.viewport.getZoom() * factor)));
    this.viewport.render();
  }
}
