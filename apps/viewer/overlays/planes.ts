/** Overlay planes of the images themselves (group 60xx, PS3.3 C.9.2), as the node reads them: asked for once, and only where there are any. */
import type { Frame, SeriesHeader } from '../frame';
import type { ImageSource } from '../source';
import { ShownOverlay, type OverlayData } from './overlay';

/** What the node answers (docs/interfaces.md, §5). */
interface Answer extends OverlayData {
  warnings: { code: string; count: number }[];
}

interface Known {
  shown: ShownOverlay | null;
  layers: OverlayData['layers'];
  warnings: string[];
}

/** They are the device's own graphics: dense, and a little of the image shines through. */
const OPACITY = 0.85;
const FAILED: Known = { shown: null, layers: [], warnings: ['planes_failed'] };

export interface LayerName {
  label: string;
  colour: string;
}

export class Planes {
  /** The reader's switch, for all images. */
  on = true;
  private readonly asked = new WeakMap<ImageSource, SeriesHeader>();
  private readonly found = new WeakMap<ImageSource, Known>();

  constructor(
    private readonly base: string,
    /** Something of this series is known now. */
    private readonly changed: (source: ImageSource) => void,
  ) {}

  /** The header of a series is here, or another one after images were added. */
  async know(source: ImageSource): Promise<void> {
    const { header, key } = source;
    if (!header || this.asked.get(source) === header || !header.frames.some((frame) => frame.planes)) return;
    this.asked.set(source, header);
    const known = await this.read(key.study, key.series);
    // Its images are in other places by now: the answer for those is on its way.
    if (this.asked.get(source) !== header) return;
    // Asked again when it is shown again.
    if (known === FAILED) this.asked.delete(source);
    this.found.set(source, known);
    this.changed(source);
  }

  /** What is drawn of a series now. */
  of(source: ImageSource): ShownOverlay | null {
    return this.on ? (this.found.get(source.base)?.shown ?? null) : null;
  }

  /** Layers that have something on an image, drawn or not. */
  layersOn(source: ImageSource, frame: Frame): LayerName[] {
    const known = this.found.get(source.base);
    const there = new Set(known?.shown?.on(frame).map((shape) => shape.layer));
    return (known?.layers ?? []).filter((layer) => there.has(layer.id)).map(({ id, label }) => ({ label, colour: known?.shown?.colour(id) ?? '' }));
  }

  warnings(source: ImageSource): string[] {
    return this.found.get(source.base)?.warnings ?? [];
  }

  private async read(study: string, series: string): Promise<Known> {
    try {
      const response = await fetch(`${this.base}/series/${encodeURIComponent(study)}/${encodeURIComponent(series)}/planes`, { credentials: 'same-origin' });
      if (!response.ok) return FAILED;
      const answer = (await response.json()) as Answer;
      const shown = new ShownOverlay(answer);
      shown.look = { hidden: [], opacity: OPACITY };
      return { shown, layers: answer.layers, warnings: answer.warnings.map(({ code }) => code) };
    } catch {
      return FAILED;
    }
  }
}
