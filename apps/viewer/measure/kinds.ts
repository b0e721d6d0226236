/** What can be measured: for each kind its tool, how many points it has, and what they say. One row here is all a new kind needs. */
import type { Frame } from '../frame';
import type { ImageSource } from '../source';
import { say, type Language } from '../words';
import { angleAt, cobbAngle } from './angles';
import { lengthOf, valueText, valueUnit, type ImagePoint } from './length';
import { probeFrame } from './probe';
import { areaOf, ellipse, rectangle, regionStats, type Region, type RegionStats } from './region';

/** The image that is measured on, and how its page speaks. */
export interface Measured {
  series: ImageSource;
  index: number;
  frame: Frame;
  modality: string | null;
  language: Language;
}

export interface Reading {
  value: number | number[] | null;
  unit: string;
  stats?: RegionStats | null;
  /** What is written on the image. */
  lines: string[];
}

type Four = readonly [ImagePoint, ImagePoint, ImagePoint, ImagePoint];

interface Kind {
  /** Name of the tool in Cornerstone, and in the annotations drawn with it. */
  tool: string;
  points: number;
  read(on: Measured, points: readonly ImagePoint[]): Reading;
}

function amount(value: number, unit: string): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ${unit}`;
}

function degrees(value: number): Reading {
  return { value, unit: '°', lines: [`${value.toFixed(1)}°`] };
}

function inside(on: Measured, region: Region): Reading {
  const { value, unit } = areaOf(on.frame, region);
  const stats = regionStats(on.series, on.index, region);
  const lines = [`${say('area', on.language)} ${amount(value, unit)}`];
  if (stats) {
    const of = valueUnit(on.frame, on.modality);
    const tail = of === '' ? '' : ` ${of}`;
    lines.push(`${say('mean', on.language)} ${valueText(stats.mean)} ± ${valueText(stats.sd)}${tail}`, `${valueText(stats.min)} – ${valueText(stats.max)}${tail}`);
  }
  return { value, unit, stats, lines };
}

export const KINDS = {
  length: {
    tool: 'PxLength',
    points: 2,
    read({ frame }, points) {
      const { value, unit } = lengthOf(frame, ...(points as [ImagePoint, ImagePoint]));
      return { value, unit, lines: [amount(value, unit)] };
    },
  },
  probe: {
    tool: 'PxProbe',
    points: 1,
    read({ series, index, frame, modality }, points) {
      const { value, text, padding } = probeFrame(series, index, points[0] as ImagePoint);
      const unit = valueUnit(frame, modality);
      return { value, unit, lines: [text === null ? '—' : `${text}${unit === '' || padding ? '' : ` ${unit}`}`] };
    },
  },
  angle: { tool: 'PxAngle', points: 3, read: ({ frame }, points) => degrees(angleAt(frame, ...(points as [ImagePoint, ImagePoint, ImagePoint]))) },
  cobb: { tool: 'PxCobb', points: 4, read: ({ frame }, points) => degrees(cobbAngle(frame, points as unknown as Four)) },
  ellipse: { tool: 'PxEllipse', points: 4, read: (on, points) => inside(on, ellipse(points as unknown as Four)) },
  rectangle: { tool: 'PxRectangle', points: 4, read: (on, points) => inside(on, rectangle(points as unknown as Four)) },
} as const satisfies Record<string, Kind>;

export type MeasurementKind = keyof typeof KINDS;

const BY_TOOL = new Map<string, MeasurementKind>((Object.keys(KINDS) as MeasurementKind[]).map((kind) => [KINDS[kind].tool, kind]));

export function kindOfTool(tool: string | undefined): MeasurementKind | undefined {
  return tool === undefined ? undefined : BY_TOOL.get(tool);
}

export function isKind(name: unknown): name is MeasurementKind {
  return typeof name === 'string' && Object.hasOwn(KINDS, name);
}
