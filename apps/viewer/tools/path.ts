/**
 * Tools whose drawing is a figure of points: polylines, polygons, pairs of lines, and the annotations. Some are drawn by clicks, point
 * after point: a fixed number of points ends by itself; others end with a click on the last point (a double click), on the first one,
 * or with Enter. A pen follows the pressed mouse, a text has one place.
 */
import { getEnabledElement, type Types as CoreTypes } from '@cornerstonejs/core';
import { annotation as annotations, drawing, Enums, type LengthTool, type Types } from '@cornerstonejs/tools';
import { toIndex, toWorld } from '../geometry';
import { sourceOf } from '../loader';
import type { Frame } from '../frame';
import { isEnough, KINDS, type MeasurementKind } from '../measure/kinds';
import { thinned } from '../measure/thin';
import { proposedOf } from '../proposed';
import { distanceTo, figureOf, linesOf, type CanvasPoint } from './figure';
import { innerOf, type DrawnAnnotation, type EditData, type Interaction } from './lengthtool';

/** CSS pixels: a click this near to a point means it. */
export const NEAR = 8;
/** CSS pixels between two points of the pen. */
const PEN_STEP = 2;
/** Pixels of the image that a pen's line may be off after it is thinned, and how many points it may have. */
const PEN = { deviation: 0.2, most: 400 };
/** Dashes of what is only proposed, CSS pixels. */
const PROPOSED = '7,5';
/** A drawing with more points shows only the one that is being moved. */
const MANY = 20;

/** On the element, when a drawing is finished as its tool wants it (not when it is given up): its id. */
export const DRAWN = 'px-drawn';
export type DrawnEvent = CustomEvent<{ id: string; kind: MeasurementKind }>;

/** On the element, when the number of points that are set changes. */
export const DRAWING = 'px-drawing';
export type DrawingEvent = CustomEvent<{ kind: MeasurementKind; next: number }>;

export interface PathTool {
  /** Ends a drawing under way with the points it has; `here`: by a double click, whose place is meant too. */
  finish(element: HTMLDivElement, here?: boolean): void;
}

type Viewport = CoreTypes.IEnabledElement['viewport'];

const viewportOf = (element: HTMLDivElement): Viewport => (getEnabledElement(element) as CoreTypes.IEnabledElement).viewport;

function frameOf(annotation: Types.Annotation): Frame | null {
  return sourceOf(annotation.metadata?.referencedImageId)?.frame ?? null;
}

/** Lines of a drawing in a viewport. */
function linesIn(viewport: Viewport, annotation: Types.Annotation, kind: MeasurementKind): CanvasPoint[][] {
  const frame = frameOf(annotation);
  if (!frame) return [];
  const places = (annotation.data.handles?.points ?? []).map((point) => toIndex(frame, point));
  return linesOf(kind, places, (point) => viewport.worldToCanvas(toWorld(frame, point)));
}

/** Where the text of a text annotation stands: opposite corners in the world, as it was drawn last. */
const areas = new WeakMap<Types.Annotation, [CoreTypes.Point3, CoreTypes.Point3]>();

function inArea(viewport: Viewport, annotation: Types.Annotation, [x, y]: CoreTypes.Point2, proximity: number): boolean {
  const area = areas.get(annotation);
  if (!area) return false;
  const [[left, top], [right, bottom]] = area.map((corner) => viewport.worldToCanvas(corner)) as [CoreTypes.Point2, CoreTypes.Point2];
  const between = (at: number, a: number, b: number): boolean => at >= Math.min(a, b) - proximity && at <= Math.max(a, b) + proximity;
  return between(x, left, right) && between(y, top, bottom);
}

/** What tools that draw in a way of their own go on with. */
export interface PathParts {
  /** Ends a drawing. */
  complete(event: { detail: { element: HTMLDivElement } }): void;
  /** Distance on the screen of two points of the drawing, CSS pixels. */
  apart(element: HTMLDivElement, points: CoreTypes.Point3[], a: number, b: number): number;
  /** Says how many points are set. */
  tell(element: HTMLDivElement, next: number): void;
}

/** Gives a length tool the figure of its kind. */
export function path(tool: LengthTool, kind: MeasurementKind): PathParts {
  const inner = innerOf(tool);
  const { least, most, level } = KINDS[kind] as { least: number; most: number; level?: boolean };
  const figure = figureOf(kind);
  const fixed = least === most;
  const [add, end, drag, cancel] = [inner.addNewAnnotation, inner._endCallback, inner._dragCallback, inner.cancel];

  const complete = (event: { detail: { element: HTMLDivElement } }): void => {
    if (!inner.editData) return;
    const id = inner.editData.annotation.annotationUID ?? '';
    inner.editData.annotation.invalidated = true;
    inner.editData.hasMoved = true;
    end.call(tool, event as Interaction);
    tell(event.detail.element, 0);
    event.detail.element.dispatchEvent(new CustomEvent(DRAWN, { bubbles: true, detail: { id, kind } }) satisfies DrawnEvent);
  };

  const tell = (element: HTMLDivElement, next: number): void => void element.dispatchEvent(new CustomEvent(DRAWING, { bubbles: true, detail: { kind, next } }) satisfies DrawingEvent);

  inner.addNewAnnotation = (event) => {
    const annotation = add.call(tool, event);
    tell(event.detail.element, 1);
    if (figure === 'text' && inner.editData) {
      inner.editData.annotation.data.handles.points.length = 1;
      inner.editData.handleIndex = 0;
    }
    return annotation;
  };

  const apart = (element: HTMLDivElement, points: CoreTypes.Point3[], a: number, b: number): number => {
    const [[x, y], [u, v]] = [a, b].map((at) => viewportOf(element).worldToCanvas(points[at] as CoreTypes.Point3)) as [CoreTypes.Point2, CoreTypes.Point2];
    return Math.hypot(x - u, y - v);
  };

  const endPen = (event: Interaction, editData: EditData): void => {
    const { annotation } = editData;
    const { points } = annotation.data.handles;
    const frame = frameOf(annotation);
    if (!frame || points.length < 3) {
      // A click without a stroke.
      inner.cancel(event.detail.element);
      return annotations.state.removeAnnotation(annotation.annotationUID ?? '');
    }
    annotation.data.handles.points = thinned(points.map((point) => toIndex(frame, point)), PEN.deviation, PEN.most).map((at) => points[at] as CoreTypes.Point3);
    complete(event);
  };

  inner._endCallback = (event) => {
    const { editData } = inner;
    if (!editData?.newAnnotation) return end.call(tool, event);
    if (figure === 'text') return complete(event);
    if (figure === 'pen') return endPen(event, editData);
    const { element } = event.detail;
    const { points } = editData.annotation.data.handles;
    const floating = points.length - 1;
    if (figure === 'closed' && floating >= 3 && apart(element, points, 0, floating) <= NEAR) points.pop();
    else if (apart(element, points, floating - 1, floating) <= NEAR) {
      // The press that began, or a second one at the same place: that ends what may end here.
      if (fixed || floating < 2 || !isEnough(kind, floating)) return;
      points.pop();
    } else if (points.length < most) {
      points.push([...(points[floating] as CoreTypes.Point3)]);
      editData.handleIndex = points.length - 1;
      return tell(element, points.length - 1);
    }
    complete(event);
  };

  inner._dragCallback = (event) => {
    const { editData } = inner;
    const stroke = figure === 'pen' && editData?.newAnnotation;
    if (stroke && event.type === Enums.Events.MOUSE_MOVE) return;
    drag.call(tool, event);
    if (!editData) return;
    const { points } = editData.annotation.data.handles;
    if (stroke && apart(event.detail.element, points, points.length - 2, points.length - 1) >= PEN_STEP) {
      points.push([...(points.at(-1) as CoreTypes.Point3)]);
      editData.handleIndex = points.length - 1;
    }
    if (level) makeLevel(editData);
  };

  inner.cancel = (element) => {
    const { editData } = inner;
    // The point that hangs on the mouse was not set.
    if (editData?.newAnnotation && inner.isDrawing && editData.annotation.data.handles.points.length > 2) editData.annotation.data.handles.points.pop();
    tell(element, 0);
    return cancel.call(tool, element);
  };

  (tool as unknown as PathTool).finish = (element) => {
    const { editData } = inner;
    const points = editData?.annotation.data.handles.points;
    if (!editData?.newAnnotation || !points || !isEnough(kind, points.length)) return;
    complete({ detail: { element } });
  };

  inner.isPointNearTool = (element, annotation, canvas, proximity) => {
    const viewport = viewportOf(element);
    return figure === 'text' ? inArea(viewport, annotation, canvas, proximity) : distanceTo(linesIn(viewport, annotation, kind), canvas) <= proximity;
  };

  inner.renderAnnotation = (enabled, helper) => {
    const { viewport } = enabled;
    const { element } = viewport;
    const all = annotations.state.getAnnotations(KINDS[kind].tool, element) as Types.Annotation[] | undefined;
    const list = all?.length ? (inner.filterInteractableAnnotationsForElement(element, all) ?? []) : [];
    for (const annotation of list as DrawnAnnotation[]) draw(enabled, helper, annotation);
    return list.length > 0;
  };

  const draw = (enabled: CoreTypes.IEnabledElement, helper: Types.SVGDrawingHelper, annotation: DrawnAnnotation): void => {
    const { viewport } = enabled;
    const uid = annotation.annotationUID ?? '';
    const { data } = annotation;
    const styleSpecifier = { toolGroupId: inner.toolGroupId, toolName: KINDS[kind].tool, viewportId: viewport.id, annotationUID: uid };
    const { color, lineWidth, lineDash: dashes, shadow, textbox } = inner.getAnnotationStyle({ annotation, styleSpecifier });
    const lineDash = proposedOf(annotation) ? PROPOSED : dashes;
    const target = inner.getTargetId(viewport);
    if (!data.cachedStats[target] || annotation.invalidated) {
      data.cachedStats[target] ??= {};
      inner._calculateCachedStats(annotation);
    }
    const canvas = data.handles.points.map((point) => viewport.worldToCanvas(point));
    const { activeHandleIndex } = data.handles;
    if (inner.editData?.annotation === annotation || activeHandleIndex !== null) {
      const handles = canvas.length <= MANY ? canvas : canvas.filter((_, at) => at === activeHandleIndex);
      if (handles.length > 0 && figure !== 'text') drawing.drawHandles(helper, uid, '0', handles, { color, lineDash, lineWidth });
    }
    linesIn(viewport, annotation, kind).forEach((line, at) => {
      const [from, to] = line as [CanvasPoint, CanvasPoint];
      if (line.length === 2) drawing.drawLine(helper, uid, `line-${at}`, from, to, { color, width: lineWidth, lineDash, shadow }, `${uid}-line-${at}`);
      else drawing.drawPolyline(helper, uid, `path-${at}`, line, { color, width: lineWidth, lineDash });
    });
    const textLines = inner.configuration.getTextLines(data, target) ?? [];
    if (textLines.length === 0) return;
    if (figure !== 'text') {
      inner.renderLinkedTextBoxAnnotation({ enabledElement: enabled, svgDrawingHelper: helper, annotation, styleSpecifier, textLines, canvasCoordinates: canvas });
      return;
    }
    const { x, y, width, height } = drawing.drawTextBox(helper, uid, '1', textLines, canvas[0] as CoreTypes.Point2, { ...textbox, padding: 0 });
    areas.set(annotation, [viewport.canvasToWorld([x, y]), viewport.canvasToWorld([x + width, y + height])]);
  };

  return { complete, apart, tell };
}

/** Both ends of a line in one row of the image: transverse diameters are measured level (V-18). */
function makeLevel({ annotation, handleIndex }: EditData): void {
  const frame = frameOf(annotation);
  const { points } = annotation.data.handles;
  if (!frame || handleIndex === undefined) return;
  const partner = handleIndex % 2 === 0 ? handleIndex + 1 : handleIndex - 1;
  const [moved, other] = [points[handleIndex], points[partner]];
  if (!moved || !other) return;
  // The point begun with gives the row while a line is drawn; later the end that is moved takes the other along.
  const [from, to] = points.length - 1 === handleIndex && handleIndex % 2 === 1 ? [other, handleIndex] : [moved, partner];
  const row = toIndex(frame, from)[1];
  const [column] = toIndex(frame, points[to] as CoreTypes.Point3);
  points[to] = toWorld(frame, [column, row]);
}
