/**
 * Value of one pixel (V-8). Cornerstone's probe reads voxel [i, j, slice] of a 2D image and so finds a value on the
 * first slice only; this one reads the frame the annotation was drawn on, whatever the cell shows now.
 */
import { ProbeTool as CornerstoneProbe, type Types } from '@cornerstonejs/tools';
import { toIndex } from '../geometry';
import { sourceOf } from '../loader';
import { valueUnit } from '../measure';
import { probeFrame } from '../probe';
import { recordOrigin } from './record';

interface ProbeStats {
  text: string;
  value: number | number[] | null;
  unit: string;
}

export class ProbeTool extends CornerstoneProbe {
  static override toolName = 'PxProbe';

  constructor(props: Types.PublicToolProps = {}) {
    super({ ...props, configuration: { ...props.configuration, getTextLines: linesOf } });
    recordOrigin(this);
  }

  override _calculateCachedStats(annotation: Types.Annotation): Record<string, ProbeStats> {
    const stats = annotation.data.cachedStats as unknown as Record<string, ProbeStats>;
    const source = sourceOf(annotation.metadata?.referencedImageId);
    const point = annotation.data.handles?.points?.[0];
    if (source && point) {
      const read = probeFrame(source.series, source.index, toIndex(source.frame, point));
      const unit = valueUnit(source.frame, source.modality);
      for (const target of Object.keys(stats)) stats[target] = { value: read.value, unit, text: read.text === null ? '—' : `${read.text}${unit === '' || read.padding ? '' : ` ${unit}`}` };
    }
    annotation.invalidated = false;
    return stats;
  }
}

function linesOf(data: { cachedStats: Record<string, ProbeStats> }, target: string): string[] | undefined {
  const text = data.cachedStats[target]?.text;
  return text === undefined ? undefined : [text];
}

