/** What can be measured: for each kind its tool, how many points it has, and what they say. One row here is all a new kind needs. */
import type { Frame } from '../frame';
import type { ImageSource } from '../source';
import { say, type Language, type Word } from '../words';
import { angleAt, cobbAngle } from './angles';
import { knownLength } from './calibration';
import { acetabularIndex, grafAngles, grafType, legLengths, sidesOf, type Leg } from './children';
import { lengthOf, unitText, valueText, valueUnit, type ImagePoint, type Length } from './length';
import { pathLength, polygon, ratioOf } from './path';
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
  /** Names of several values. */
  labels?: string[];
  /** What is written on the image. */
  lines: string[];
}

type Four = readonly [ImagePoint, ImagePoint, ImagePoint, ImagePoint];

/** How the points of a drawing are joined; pairs of positions: these lines only. */
export type Figure = 'open' | 'closed' | 'lasso' | 'rectangle' | 'circle' | 'arrow' | 'pen' | 'text' | readonly (readonly [number, number])[];

interface Kind {
  /** Name of the tool in Cornerstone, and in the annotations drawn with it. */
  tool: string;
  /** How many points it has. */
  least: number;
  most: number;
  /** What is drawn, unless a tool of Cornerstone draws it. */
  figure?: Figure;
  /** Its lines stay level in the image. */
  level?: boolean;
  /** It says words of the reader instead of a value. */
  note?: boolean;
  /** It is nothing without what the reader writes. */
  written?: boolean;
  /** What each point is, of tools that lead through them. */
  prompts?: readonly Word[];
  read(on: Measured, points: readonly ImagePoint[], text: string): Reading;
}

const TWO_LINES: Figure = [[0, 1], [2, 3]];

function amount(value: number, unit: string, language: Language): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ${unitText(unit, language)}`;
}

function degrees(value: number): Reading {
  return { value, unit: '°', lines: [`${value.toFixed(1)}°`] };
}

function inside(on: Measured, region: Region): Reading {
  const { value, unit } = areaOf(on.frame, region);
  const stats = regionStats(on.series, on.index, region);
  const lines = [`${say('area', on.language)} ${amount(value, unit, on.language)}`];
  if (stats) {
    const of = valueUnit(on.frame, on.modality);
    const tail = of === '' ? '' : ` ${of}`;
    lines.push(`${say('mean', on.language)} ${valueText(stats.mean)} ± ${valueText(stats.sd)}${tail}`, `${say('range', on.language)} ${valueText(stats.min)}${say('rangeTo', on.language)}${valueText(stats.max)}${tail}`);
  }
  return { value, unit, stats, lines };
}

/** Words of the reader (C-6): no value. */
function note(_on: Measured, _points: readonly ImagePoint[], text: string): Reading {
  return { value: null, unit: '', lines: text === '' ? [] : text.split('\n') };
}

/** Known length of a line (V-17). */
function calibration({ language }: Measured, _points: readonly ImagePoint[], text: string): Reading {
  const value = knownLength(text);
  return { value, unit: value === null ? '' : 'mm', lines: value === null ? [] : [`${say('calibration', language)} ${value} mm`] };
}

function acetabular({ frame }: Measured, points: readonly ImagePoint[]): Reading {
  const labels = sidesOf(frame, points[0] as ImagePoint, points[1] as ImagePoint);
  const value = acetabularIndex(frame, points);
  return { value, unit: '°', labels, lines: value.map((angle, side) => `${labels[side]} ${angle.toFixed(1)}°`) };
}

function graf({ frame, language }: Measured, points: readonly ImagePoint[]): Reading {
  const { alpha, beta } = grafAngles(frame, points);
  // The type by the angles as they are read, so that 60.0° is no 59.96.
  const [a, b] = [Number(alpha.toFixed(1)), Number(beta.toFixed(1))];
  return { value: [alpha, beta], unit: '°', labels: ['α', 'β'], lines: [`α ${a.toFixed(1)}°`, `β ${b.toFixed(1)}°`, `${say('grafType', language)} ${grafType(a, b)}`, '(Graf 2006)'] };
}

function legs({ frame, language }: Measured, points: readonly ImagePoint[]): Reading {
  const { legs: both, difference, unit } = legLengths(frame, points);
  const sides = sidesOf(frame, points[0] as ImagePoint, points[3] as ImagePoint);
  const [femur, tibia, total] = (['femur', 'tibia', 'total'] as const).map((word) => say(word, language));
  const line = ({ femur: f, tibia: t, total: sum }: Leg, side: string): string => `${side} ${femur} ${f.toFixed(1)} + ${tibia} ${t.toFixed(1)} = ${sum.toFixed(1)} ${unitText(unit, language)}`;
  return {
    value: [...both.flatMap((leg) => [leg.femur, leg.tibia, leg.total]), difference],
    unit,
    labels: [...sides.flatMap((side) => [femur, tibia, total].map((part) => `${side} ${part}`)), say('difference', language)],
    lines: [...both.map((leg, side) => line(leg, sides[side] as string)), `${say('difference', language)} ${difference.toFixed(1)} ${unitText(unit, language)}`],
  };
}

/** Two lines of one image: their ratio needs no mm, so that it is true on every image. */
function ratio({ frame, language }: Measured, [a, b, c, d]: Four, name: 'ratio' | 'cardiothoracic'): Reading {
  const [first, second] = [lengthOf(frame, a, b), lengthOf(frame, c, d)];
  const value = ratioOf(first.value, second.value);
  const [short, long] = [first, second].sort((one, other) => one.value - other.value) as [Length, Length];
  return { value, unit: '', lines: [`${say(name, language)} ${value === null ? '—' : value.toFixed(2)}`, `${amount(short.value, short.unit, language)} / ${amount(long.value, long.unit, language)}`] };
}

export const KINDS = {
  length: {
    tool: 'PxLength',
    least: 2,
    most: 2,
    read({ frame, language }, points) {
      const { value, unit } = lengthOf(frame, ...(points as [ImagePoint, ImagePoint]));
      return { value, unit, lines: [amount(value, unit, language)] };
    },
  },
  probe: {
    tool: 'PxProbe',
    least: 1,
    most: 1,
    read({ series, index, frame, modality }, points) {
      const { value, text, padding } = probeFrame(series, index, points[0] as ImagePoint);
      const unit = valueUnit(frame, modality);
      return { value, unit, lines: [text === null ? '—' : `${text}${unit === '' || padding ? '' : ` ${unit}`}`] };
    },
  },
  angle: { tool: 'PxAngle', least: 3, most: 3, read: ({ frame }, points) => degrees(angleAt(frame, ...(points as [ImagePoint, ImagePoint, ImagePoint]))) },
  cobb: { tool: 'PxCobb', least: 4, most: 4, read: ({ frame }, points) => degrees(cobbAngle(frame, points as unknown as Four)) },
  ellipse: { tool: 'PxEllipse', least: 4, most: 4, read: (on, points) => inside(on, ellipse(points as unknown as Four)) },
  rectangle: { tool: 'PxRectangle', least: 4, most: 4, read: (on, points) => inside(on, rectangle(points as unknown as Four)) },
  polyline: {
    tool: 'PxPolyline',
    least: 2,
    most: 500,
    figure: 'open',
    read({ frame, language }, points) {
      const { value, unit } = pathLength(frame, points);
      return { value, unit, lines: [amount(value, unit, language)] };
    },
  },
  polygon: { tool: 'PxPolygon', least: 3, most: 500, figure: 'closed', read: (on, points) => inside(on, polygon(points)) },
  ratio: { tool: 'PxRatio', least: 4, most: 4, figure: TWO_LINES, read: (on, points) => ratio(on, points as unknown as Four, 'ratio') },
  cardiothoracic: { tool: 'PxCardiothoracic', least: 4, most: 4, figure: TWO_LINES, level: true, read: (on, points) => ratio(on, points as unknown as Four, 'cardiothoracic') },
  lasso: { tool: 'PxLasso', least: 3, most: 500, figure: 'lasso', read: (on, points) => inside(on, polygon(points)) },
  /** Opposite corners. */
  rectangle_annotation: { tool: 'PxRectangleAnnotation', least: 2, most: 2, figure: 'rectangle', note: true, read: note },
  /** Middle, and a point of the circle. */
  circle_annotation: { tool: 'PxCircleAnnotation', least: 2, most: 2, figure: 'circle', note: true, read: note },
  /** Its tip, and its tail. */
  arrow: { tool: 'PxArrow', least: 2, most: 2, figure: 'arrow', note: true, read: note },
  freehand: { tool: 'PxFreehand', least: 2, most: 500, figure: 'pen', note: true, read: note },
  text: { tool: 'PxText', least: 1, most: 1, figure: 'text', note: true, written: true, read: note },
  calibration: { tool: 'PxCalibration', least: 2, most: 2, figure: [[0, 1]], written: true, read: calibration },
  acetabular_index: { tool: 'PxAcetabularIndex', least: 4, most: 4, figure: [[0, 1], [0, 2], [1, 3]], prompts: ['triradiate1', 'triradiate2', 'roof1', 'roof2'], read: acetabular },
  graf: { tool: 'PxGraf', least: 6, most: 6, figure: [[0, 1], [2, 3], [4, 5]], prompts: ['grafBase1', 'grafBase2', 'grafBone1', 'grafBone2', 'grafCartilage1', 'grafCartilage2'], read: graf },
  leg_length: { tool: 'PxLegLength', least: 6, most: 6, figure: [[0, 1], [1, 2], [3, 4], [4, 5]], prompts: ['leg1Hip', 'leg1Knee', 'leg1Ankle', 'leg2Hip', 'leg2Knee', 'leg2Ankle'], read: legs },
} as const satisfies Record<string, Kind>;

/** Whether a kind can have this many points. */
export function isEnough(kind: MeasurementKind, points: number): boolean {
  return points >= KINDS[kind].least && points <= KINDS[kind].most;
}

export type MeasurementKind = keyof typeof KINDS;

/** Whether a kind says words of the reader. */
export function isNote(kind: MeasurementKind): boolean {
  return (KINDS[kind] as Kind).note ?? false;
}

/** Whether one is nothing without what the reader writes. */
export function isWritten(kind: MeasurementKind): boolean {
  return (KINDS[kind] as Kind).written ?? false;
}

const BY_TOOL = new Map<string, MeasurementKind>((Object.keys(KINDS) as MeasurementKind[]).map((kind) => [KINDS[kind].tool, kind]));

export function kindOfTool(tool: string | undefined): MeasurementKind | undefined {
  return tool === undefined ? undefined : BY_TOOL.get(tool);
}

export function isKind(name: unknown): name is MeasurementKind {
  return typeof name === 'string' && Object.hasOwn(KINDS, name);
}
