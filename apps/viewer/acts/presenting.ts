/** Shows again what was shown: the exact plane, curve or rendering of a key image, with its greys, its turn and its part of the image. */
import { dress, placeOf, presentationOf, requestOf, type Presentation } from '../presentation';
import { curveOf, standingOf } from '../reconstruction';
import { Cpr } from '../volume/curved/cpr';
import { Reformat } from '../volume/reformat';
import type { Workings } from '../workings';

export class Presenting {
  constructor(private readonly inside: Workings) {}

  presentation(): Presentation | null {
    const { cell } = this.inside;
    return cell.series && cell.index >= 0 ? presentationOf(cell) : null;
  }

  present(presentation: Presentation): void {
    const { cell, solid, spatial } = this.inside;
    const { series } = cell;
    const { reconstruction } = presentation;
    const request = requestOf(presentation);
    if (!reconstruction) return showImage(this.inside, presentation);
    if (reconstruction.made === 'rendering') {
      if (solid.shownIn?.series?.base !== series?.base) solid.openIn(cell);
      return solid.change({ seen: reconstruction });
    }
    // It would lie over the picture.
    if (solid.shownIn) solid.close();
    // A view of its own, outside the planes of MPR, goes on being one.
    const alone = !spatial.mpr.on && cell.index >= 0;
    if (reconstruction.made === 'mpr') {
      if (!alone || !(series instanceof Reformat)) {
        spatial.showPlane(standingOf(reconstruction), request);
        // It is the active one now, and there already where its planes were.
        if (this.inside.cell.index >= 0) dress(this.inside.cell, presentation);
        return;
      }
      dress(cell, presentation);
      return cell.replace(series.with(standingOf(reconstruction)), reconstruction.through, request);
    }
    if (!alone || !(series instanceof Cpr)) return spatial.showCurve(curveOf(reconstruction), request);
    dress(cell, presentation);
    cell.replace(series.with(curveOf(reconstruction)), null, request);
    cell.scrollTo(reconstruction.angle);
  }
}

/** The received image, where it is in the series of the active cell: a plane or rendering of it gives way. */
function showImage(inside: Workings, presentation: Presentation): void {
  const { cell, solid, described } = inside;
  const { series } = cell;
  if (!series) return;
  if (series.variant === '' && solid.shownIn !== cell) {
    const place = placeOf(presentation, cell.count, (position) => cell.frameAt(position));
    if (place >= 0) cell.scrollTo(place);
    return dress(cell, presentation);
  }
  const { window, gamma, inverted, rotation, mirrored } = presentation;
  const frames = series.base.header?.frames ?? [];
  const index = placeOf(presentation, frames.length, (position) => frames[position] ?? null);
  const info = described.of(cell) ?? cell.info;
  solid.close();
  inside.show({ ...series.key, info, gamma, inverted, turn: { rotation, mirrored }, ...(window ? { window } : {}), ...(index < 0 ? {} : { index }) });
}
