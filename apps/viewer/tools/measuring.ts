/**
 * Makes a drawing tool of Cornerstone measure by `measure/kinds.ts`: on the frame it was drawn on, in that frame's own units.
 * Cornerstone's own numbers are of the first slice only, know no detector plane, and come up to 100 ms late.
 */
import type { Types } from '@cornerstonejs/tools';
import { placeOf } from '../geometry';
import { sourceOf } from '../loader';
import { isEnough, KINDS, type Measured, type MeasurementKind, type Reading } from '../measure/kinds';
import type { ImagePoint } from '../measure/length';
import { proposedOf } from '../proposed';
import { curvedReading } from '../volume/curved/reading';
import { say } from '../words';
import { recordOrigin } from './record';

type Stats = Record<string, Record<string, unknown>>;
type Calculate = (annotation: Types.Annotation, ...more: unknown[]) => unknown;

/** Values Cornerstone looks for to know that there is a result, and an angle of exactly 0 would hide its text. */
const marks = (value: unknown): Record<string, unknown> => ({ angle: typeof value === 'number' ? value || 1e-9 : value, areaUnit: '', area: value, unit: '' });

/** Configuration of a measuring tool: it writes the lines of its reading. */
export function measuring(props: Types.PublicToolProps): Types.PublicToolProps {
  const getTextLines = (data: { cachedStats: Stats }, target: string | string[]): string[] | undefined =>
    data.cachedStats[Array.isArray(target) ? (target[0] ?? '') : target]?.['lines'] as string[] | undefined;
  return { ...props, configuration: { ...props.configuration, getTextLines } };
}

/** `keep`: what the tool computes itself is needed for its drawing. */
export function measure(tool: object, kind: MeasurementKind, keep = false): void {
  recordOrigin(tool);
  const own = tool as { _calculateCachedStats: Calculate; _throttledCalculateCachedStats: Calculate };
  const before = own._calculateCachedStats;
  const read = KINDS[kind].read as (on: Measured, points: readonly ImagePoint[], text: string) => Reading;
  const calculate: Calculate = (annotation, ...more) => {
    if (keep) before.call(tool, annotation, ...more);
    const stats = annotation.data.cachedStats as Stats;
    const source = sourceOf(annotation.metadata?.referencedImageId);
    const points = annotation.data.handles?.points ?? [];
    if (source && isEnough(kind, points.length)) {
      const places = points.map((point) => placeOf(source.frame, point));
      const reading = curvedReading(source.frame, kind, places, read(source, places, annotation.data.label ?? ''), source.language);
      const lines = proposedOf(annotation) ? [say('proposed', source.language), ...reading.lines] : reading.lines;
      for (const target of Object.keys(stats)) stats[target] = { ...stats[target], ...marks(reading.value), value: reading.value, unit: reading.unit, lines };
    }
    annotation.invalidated = false;
    return stats;
  };
  own._calculateCachedStats = own._throttledCalculateCachedStats = calculate;
}
