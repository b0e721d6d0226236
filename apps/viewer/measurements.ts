/** Measurements as plain data, and back: what is saved, sent to Python, and shown again on any machine. */
import { annotation as annotations, type Types } from '@cornerstonejs/tools';
import type { Frame } from './frame';
import { cross } from './orientation';
import { planeOf, toIndex, toWorld } from './geometry';
import { sourceOf } from './loader';
import { isKind, kindOfTool, KINDS, type MeasurementKind, type Reading } from './measure/kinds';
import type { RegionStats } from './measure/region';
import type { Origin } from './tools/record';

export type { MeasurementKind } from './measure/kinds';

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
  value: number | number[] | null;
  unit: string;
  /** Of the pixels inside a region. */
  stats?: RegionStats;
  author: string;
  created: string;
}

/** The measurement an annotation stands for; null when it is not ours or its image is gone. */
export function fromAnnotation(annotation: Types.Annotation): Measurement | null {
  const { metadata } = annotation;
  const kind = kindOfTool(metadata?.toolName);
  const source = sourceOf(metadata?.referencedImageId);
  const points = annotation.data.handles?.points;
  if (!kind || !source || !points || points.length < KINDS[kind].points) return null;
  const { frame, series, index } = source;
  // Rounded before it is read: what is saved says the same when it comes back.
  const places = points.slice(0, KINDS[kind].points).map((point) => toIndex(frame, point).map(round) as [number, number]);
  const origin = (metadata as { origin?: Origin }).origin;
  const { value, unit, stats } = KINDS[kind].read(source, places) as Reading;
  return {
    id: annotation.annotationUID ?? '',
    kind,
    study: series.key.study,
    series: series.key.series,
    sop_uid: frame.sop_uid,
    frame: frame.frame,
    index,
    points: places,
    value,
    unit,
    ...(stats ? { stats } : {}),
    author: origin?.author ?? '',
    created: origin?.created ?? '',
  };
}

/** 1/1000 pixel is finer than any hand; longer numbers only make the record bigger. */
const round = (value: number): number => Math.round(value * 1000) / 1000;

/** Draws a measurement on the image it belongs to; the numbers are computed anew from its points. */
export function addToImage(measurement: Measurement, imageId: string, frame: Frame, group: string): void {
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
      label: '',
      cachedStats: {},
      handles: {
        points: measurement.points.map((point) => toWorld(frame, point)),
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
}

/** All annotations drawn on images of one viewer. */
export function annotationsOf(viewer: string): Types.Annotation[] {
  return annotations.state.getAllAnnotations().filter((one) => one.metadata?.referencedImageId?.startsWith(`px:${viewer}/`));
}

export function removeAnnotation(id: string): void {
  annotations.state.removeAnnotation(id);
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
    one.points.length === KINDS[one.kind].points &&
    one.points.every((point) => Array.isArray(point) && point.length === 2 && point.every((part) => Number.isFinite(part)))
  );
}
