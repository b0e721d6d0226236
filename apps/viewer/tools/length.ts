/** Length of a straight line (V-9) in the units of its own frame: see measure.ts for which mm these are. */
import { LengthTool as CornerstoneLength, type Types } from '@cornerstonejs/tools';
import { toIndex } from '../geometry';
import { sourceOf } from '../loader';
import { lengthOf, type LengthUnit } from '../measure';
import { recordOrigin } from './record';

interface LengthStats {
  length: number | null;
  unit: LengthUnit | null;
}

export class LengthTool extends CornerstoneLength {
  static override toolName = 'PxLength';

  constructor(props: Types.PublicToolProps = {}) {
    super({ ...props, configuration: { ...props.configuration, getTextLines: linesOf } });
    recordOrigin(this);
    // Cornerstone computes at most every 100 ms while dragging and could leave the last but one value on the image.
    this._throttledCalculateCachedStats = this._calculateCachedStats;
  }

  override _calculateCachedStats(annotation: Types.Annotation): Record<string, LengthStats> {
    const stats = annotation.data.cachedStats as Record<string, LengthStats>;
    const source = sourceOf(annotation.metadata?.referencedImageId);
    const [from, to] = annotation.data.handles?.points ?? [];
    if (source && from && to) {
      const { value, unit } = lengthOf(source.frame, toIndex(source.frame, from), toIndex(source.frame, to));
      for (const target of Object.keys(stats)) stats[target] = { length: value, unit };
    }
    annotation.invalidated = false;
    return stats;
  }
}

export function lengthText(value: number, unit: string): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ${unit}`;
}

function linesOf(data: { cachedStats: Record<string, LengthStats> }, target: string): string[] | undefined {
  const stats = data.cachedStats[target];
  return stats?.length === null || stats?.length === undefined || stats.unit === null ? undefined : [lengthText(stats.length, stats.unit)];
}
