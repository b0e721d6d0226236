/** The calibrations among the measurements of a viewer, and the frames as they say. */
import type { Frame } from './frame';
import { calibratedSpacing, knownLength, sameGeometry } from './measure/calibration';
import type { Measurement } from './measurements';
import type { ImageSource } from './source';

export class Calibrations {
  private list: readonly Measurement[] = [];
  private said = '[]';
  private frames = new WeakMap<Frame, Frame>();

  /** Takes the measurements there are; true when the calibrations among them have changed. */
  take(measurements: readonly Measurement[]): boolean {
    // Of several the newest holds.
    const list = measurements.filter((one) => one.kind === 'calibration' && !one.plane).sort((a, b) => b.created.localeCompare(a.created));
    const said = JSON.stringify(list.map(({ id, points, text }) => [id, points, text]));
    if (said === this.said) return false;
    this.said = said;
    this.list = list;
    this.frames = new WeakMap();
    return true;
  }

  /** The frame, with what is calibrated for it. The same object for the same frame, until a calibration changes. */
  apply(source: ImageSource, frame: Frame): Frame {
    if (this.list.length === 0 || frame.plane) return frame;
    const known = this.frames.get(frame);
    if (known) return known;
    const calibrated = this.spacingOn(source, frame);
    const applied = calibrated ? { ...frame, calibrated } : frame;
    this.frames.set(frame, applied);
    return applied;
  }

  private spacingOn(source: ImageSource, frame: Frame): [number, number] | null {
    for (const one of this.list) {
      if (one.study !== source.key.study || one.series !== source.key.series) continue;
      const its = source.base.header?.frames.find((each) => each.sop_uid === one.sop_uid && each.frame === one.frame);
      const known = knownLength(one.text ?? '');
      if (!its || known === null || !sameGeometry(its, frame)) continue;
      const spacing = calibratedSpacing(its, one.points as [[number, number], [number, number]], known);
      if (spacing) return spacing;
    }
    return null;
  }
}
