/** Measurements as plain data, and back: what is saved, sent to Python, and shown again on any machine. */
import { annotation as annotations, type Types } from '@cornerstonejs/tools';
import type { Frame } from './frame';
import { cross } from './orientation';
import { dot, offPlane, placeOf, planeOf, toIndex, toWorld, vectorOf } from './geometry';
import { sourceOf } from './loader';
import { knownLength } from './measure/calibration';
import { isEnough, isKind, isWritten, kindOfTool, KINDS, type MeasurementKind, type Reading } from './measure/kinds';
import type { RegionStats } from './measure/region';
import { proposedOf } from './proposed';
import type { Origin } from './tools/record';

export type { MeasurementKind } from './measure/kinds';

/** Characters of an annotation's text. */
export const LONGEST_TEXT = 500;

/** A computed plane: middle of its first pixel and directions (LPS mm), mm between rows and between columns. */
export interface MeasuredPlane {
  origin: number[];
  row: number[];
  column: number[];
  spacing: [number, number];
}

/** One measurement; JSON as it is. Points are [column, row] of the frame, (0, 0) the middle of the first pixel. */
export interface Measurement {
  id: string;
  kind: MeasurementKind;
  study: string;
  series: string;
  sop_uid: string;
  /** Frame within the instance, as the node counts it. */
  frame: number;
  /** Index within the series as it was when measured; `sop_uid` and `frame` decide. */
  index: number;
  points: [number, number][];
  /** Drawn on a plane computed from the series: `sop_uid` is empty, and the points are pixels of this plane. */
  plane?: MeasuredPlane;
  value: number | number[] | null;
  unit: string;
  /** Of the pixels inside a region. */
  stats?: RegionStats;
  /** Names of the values, where there are several. */
  labels?: string[];
  /** What the reader wrote: words of an annotation, mm of a calibration. */
  text?: string;
  author: string;
  created: string;
}

/** What an annotation of Cornerstone is here. */
export function kindOf(annotation: Types.Annotation): MeasurementKind | undefined {
  return kindOfTool(annotation.metadata?.toolName);
}

/** The measurement an annotation stands for; null when it is not ours or its image is gone. */
export function fromAnnotation(annotation: Types.Annotation): Measurement | null {
  const { metadata } = annotation;
  const kind = kindOf(annotation);
  const source = sourceOf(metadata?.referencedImageId);
  const points = annotation.data.handles?.points;
  if (!kind || !source || !points || points.length < KINDS[kind].least) return null;
  if (proposedOf(annotation)) return null; // nobody's yet
  const { frame, series, index } = source;
  // A curved picture lasts as long as its curve: what is measured on it is read there, and not kept.
  if (frame.curved) return null;
  // Rounded before it is read: what is saved says the same when it comes back.
  const places = points.slice(0, KINDS[kind].most).map((point) => placeOf(frame, point));
  const origin = (metadata as { origin?: Origin }).origin;
  const text = annotation.data.label ?? '';
  if (isWritten(kind) && text === '') return null; // not written yet
  const { value, unit, stats, labels } = KINDS[kind].read(source, places, text) as Reading;
  return {
    id: annotation.annotationUID ?? '',
    kind,
    study: series.key.study,
    series: series.key.series,
    sop_uid: frame.sop_uid,
    frame: frame.frame,
    index,
    points: places,
    ...(frame.plane ? { plane: measuredPlane(frame) } : {}),
    value,
    unit,
    ...(stats ? { stats } : {}),
    ...(labels ? { labels } : {}),
    ...(text === '' ? {} : { text }),
    author: origin?.author ?? '',
    created: origin?.created ?? '',
  };
}

function measuredPlane(frame: Frame): MeasuredPlane {
  const { origin, row, column, spacing } = planeOf(frame);
  return { origin: [...origin], row: [...row], column: [...column], spacing: [spacing[1], spacing[0]] };
}

/** The frame a measurement belongs to among these, and its points there; null when it is none of them. */
export function placeOn(measurement: Measurement, frames: readonly Frame[]): { frame: Frame; points: [number, number][] } | null {
  const { plane, points } = measurement;
  if (!plane) {
    const frame = frames.find((each) => !each.plane && each.sop_uid === measurement.sop_uid && each.frame === measurement.frame);
    return frame ? { frame, points } : null;
  }
  const like = { orientation: [...plane.row, ...plane.column], position: plane.origin, spacing: plane.spacing } as Frame;
  const normal = planeOf(like).normal;
  const frame = frames.find((each) => each.plane && dot(planeOf(each).normal, normal) > 1 - 1e-6 && Math.abs(offPlane(each, vectorOf(plane.origin))) <= each.plane.step / 2);
  // Its foot on the plane shown: at most half a step away, and the same length.
  return frame ? { frame, points: points.map((point) => toIndex(frame, toWorld(like, point))) } : null;
}

/** Draws a measurement on the image it belongs to; the numbers are computed anew from its points. */
export function addToImage(measurement: Measurement, imageId: string, frame: Frame, points: readonly [number, number][], group: string): Types.Annotation {
  const plane = planeOf(frame);
  const annotation = {
    annotationUID: measurement.id,
    highlighted: false,
    isLocked: false,
    isVisible: true,
    invalidated: true,
    metadata: {
      toolName: KINDS[measurement.kind].tool,
      FrameOfReferenceUID: group,
      referencedImageId: imageId,
      viewPlaneNormal: [...cross(plane.column, plane.row)],
      viewUp: plane.column.map((part) => -part),
      origin: { author: measurement.author, created: measurement.created },
    },
    data: {
      label: measurement.text ?? '',
      cachedStats: {},
      handles: {
        points: points.map((point) => toWorld(frame, point)),
        activeHandleIndex: null,
        textBox: {
          hasMoved: false,
          worldPosition: [0, 0, 0],
          worldBoundingBox: { topLeft: [0, 0, 0], topRight: [0, 0, 0], bottomLeft: [0, 0, 0], bottomRight: [0, 0, 0] },
        },
      },
    },
  };
  annotations.state.addAnnotation(annotation as unknown as Types.Annotation, group);
  return annotation as unknown as Types.Annotation;
}

/** All annotations drawn on images of one viewer. */
export function annotationsOf(viewer: string): Types.Annotation[] {
  return annotations.state.getAllAnnotations().filter((one) => one.metadata?.referencedImageId?.startsWith(`px:${viewer}/`));
}

export function removeAnnotation(id: string): void {
  annotations.state.removeAnnotation(id);
}

/** Whether the points of a figure lie apart; a single point is all that its kind has. */
export function hasExtent({ points }: Pick<Measurement, 'points'>): boolean {
  const [first, ...rest] = points;
  return !first || rest.length === 0 || rest.some(([column, row]) => column !== first[0] || row !== first[1]);
}

/** Data that says it is a measurement and has the parts this viewer needs (what comes from outside is user input). */
export function isMeasurement(data: unknown): data is Measurement {
  const one = data as Partial<Measurement> | null;
  return (
    typeof one === 'object' &&
    one !== null &&
    typeof one.id === 'string' &&
    one.id !== '' &&
    isKind(one.kind) &&
    typeof one.study === 'string' &&
    typeof one.series === 'string' &&
    typeof one.sop_uid === 'string' &&
    Array.isArray(one.points) &&
    isEnough(one.kind, one.points.length) &&
    one.points.every((point) => Array.isArray(point) && point.length === 2 && point.every((part) => Number.isFinite(part))) &&
    (one.text === undefined || (typeof one.text === 'string' && one.text.length <= LONGEST_TEXT)) &&
    (!isWritten(one.kind) || Boolean(one.text)) &&
    (one.kind !== 'calibration' || (knownLength(one.text ?? '') !== null && one.plane === undefined)) &&
    (one.plane === undefined || isPlane(one.plane))
  );
}

const numbers = (list: unknown, count: number): boolean => Array.isArray(list) && list.length === count && list.every((part) => Number.isFinite(part));

function isPlane(data: unknown): data is MeasuredPlane {
  const one = data as Partial<MeasuredPlane> | null;
  return typeof one === 'object' && one !== null && numbers(one.origin, 3) && numbers(one.row, 3) && numbers(one.column, 3) && numbers(one.spacing, 2) && (one.spacing?.every((part) => part > 0) ?? false);
}
