/**
 * Tools that are drawn by clicks, point after point: polylines, polygons, and pairs of lines. A fixed number of points ends by
 * itself; others end with a click on the last point (a double click), on the first one, or with Enter.
 */
import { getEnabledElement, type Types as CoreTypes } from '@cornerstonejs/core';
import { annotation as annotations, drawing, LengthTool, type Types } from '@cornerstonejs/tools';
import { toIndex, toWorld } from '../geometry';
import { sourceOf } from '../loader';
import { isEnough, KINDS, type MeasurementKind } from '../measure/kinds';
import { measure, measuring } from './measuring';

/** CSS pixels: a click this near to a point means it. */
const NEAR = 8;

type Points = CoreTypes.Point3[];
type Interaction = Types.EventTypes.InteractionEventType;

interface EditData {
  annotation: Types.Annotation & { data: { handles: { points: Points; activeHandleIndex: number | null }; cachedStats: Record<string, unknown> } };
  handleIndex?: number;
  newAnnotation?: boolean;
  hasMoved?: boolean;
}

/** The parts of Cornerstone's length tool this one is made of. */
interface Inner {
  editData: EditData | null;
  isDrawing: boolean;
  _endCallback(event: Interaction): void;
  _dragCallback(event: Interaction): void;
  cancel(element: HTMLDivElement): string | undefined;
  isPointNearTool(element: HTMLDivElement, annotation: Types.Annotation, canvas: CoreTypes.Point2, proximity: number): boolean;
  renderAnnotation(enabled: CoreTypes.IEnabledElement, helper: Types.SVGDrawingHelper): boolean;
  renderLinkedTextBoxAnnotation(parts: Record<string, unknown>): boolean;
  filterInteractableAnnotationsForElement(element: HTMLDivElement, list: Types.Annotation[]): Types.Annotation[];
  getAnnotationStyle(parts: Record<string, unknown>): { color: string; lineWidth: number; lineDash: string; shadow: boolean };
  getTargetId(viewport: unknown): string;
  _calculateCachedStats(annotation: Types.Annotation): unknown;
  configuration: { getTextLines(data: unknown, target: string): string[] | undefined };
  toolGroupId: string;
}

export interface PathTool {
  /** Ends a drawing under way with the points it has. */
  finish(element: HTMLDivElement): void;
}

/** Segments between points, by their positions. */
function segments(kind: MeasurementKind, count: number): [number, number][] {
  const { path } = KINDS[kind] as { path?: 'open' | 'closed' | 'pairs' };
  if (path === 'pairs') return Array.from({ length: Math.floor(count / 2) }, (_, pair) => [2 * pair, 2 * pair + 1]);
  const open = Array.from({ length: Math.max(0, count - 1) }, (_, at): [number, number] => [at, at + 1]);
  return path === 'closed' && count > 2 ? [...open, [count - 1, 0]] : open;
}

function distanceToSegment([x, y]: CoreTypes.Point2, [ax, ay]: CoreTypes.Point2, [bx, by]: CoreTypes.Point2): number {
  const [dx, dy] = [bx - ax, by - ay];
  const long = dx * dx + dy * dy;
  const t = long === 0 ? 0 : Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / long));
  return Math.hypot(x - ax - t * dx, y - ay - t * dy);
}

/** Gives a length tool many points. */
function path(tool: LengthTool, kind: MeasurementKind): void {
  const inner = tool as unknown as Inner;
  const { most, path: form, level } = KINDS[kind] as { most: number; path?: string; level?: boolean };
  const [end, drag, cancel] = [inner._endCallback, inner._dragCallback, inner.cancel];
  const canvasOf = (element: HTMLDivElement, point: CoreTypes.Point3): CoreTypes.Point2 => (getEnabledElement(element) as CoreTypes.IEnabledElement).viewport.worldToCanvas(point);

  const complete = (event: { detail: { element: HTMLDivElement } }): void => {
    if (!inner.editData) return;
    inner.editData.hasMoved = true;
    end.call(tool, event as Interaction);
  };

  inner._endCallback = (event) => {
    const { editData } = inner;
    if (!editData?.newAnnotation) return end.call(tool, event);
    const { element } = event.detail;
    const { points } = editData.annotation.data.handles;
    const floating = points.length - 1;
    const here = canvasOf(element, points[floating] as CoreTypes.Point3);
    const near = (at: number): boolean => Math.hypot(...(canvasOf(element, points[at] as CoreTypes.Point3).map((part, axis) => part - (here[axis] as number)) as [number, number])) <= NEAR;
    if (form === 'closed' && floating >= 3 && near(0)) points.pop();
    else if (near(floating - 1)) {
      // The press that began, or a second one at the same place: that ends what may end here.
      if (form === 'pairs' || floating < 2 || !isEnough(kind, floating)) return;
      points.pop();
    } else if (points.length < most) {
      points.push([...(points[floating] as CoreTypes.Point3)]);
      editData.handleIndex = points.length - 1;
      return;
    }
    editData.annotation.invalidated = true;
    complete(event);
  };

  inner._dragCallback = (event) => {
    drag.call(tool, event);
    if (level && inner.editData) makeLevel(inner.editData);
  };

  inner.cancel = (element) => {
    const { editData } = inner;
    // The point that hangs on the mouse was not set.
    if (editData?.newAnnotation && inner.isDrawing && editData.annotation.data.handles.points.length > 2) editData.annotation.data.handles.points.pop();
    return cancel.call(tool, element);
  };

  (tool as unknown as PathTool).finish = (element) => {
    const { editData } = inner;
    const points = editData?.annotation.data.handles.points;
    if (!editData?.newAnnotation || !points || !isEnough(kind, points.length)) return;
    editData.annotation.invalidated = true;
    complete({ detail: { element } });
  };

  inner.isPointNearTool = (element, annotation, canvas, proximity) => {
    const points = (annotation.data.handles?.points ?? []).map((point) => canvasOf(element, point));
    return segments(kind, points.length).some(([a, b]) => distanceToSegment(canvas, points[a] as CoreTypes.Point2, points[b] as CoreTypes.Point2) <= proximity);
  };

  inner.renderAnnotation = (enabled, helper) => {
    const { viewport } = enabled;
    const element = viewport.element;
    const all = annotations.state.getAnnotations(KINDS[kind].tool, element) as Types.Annotation[] | undefined;
    const list = all?.length ? inner.filterInteractableAnnotationsForElement(element, all) : [];
    for (const annotation of list ?? []) {
      const uid = annotation.annotationUID ?? '';
      const { data } = annotation as EditData['annotation'];
      const styleSpecifier = { toolGroupId: inner.toolGroupId, toolName: KINDS[kind].tool, viewportId: viewport.id, annotationUID: uid };
      const { color, lineWidth, lineDash, shadow } = inner.getAnnotationStyle({ annotation, styleSpecifier });
      const canvas = data.handles.points.map((point) => viewport.worldToCanvas(point));
      const target = inner.getTargetId(viewport);
      if (!data.cachedStats[target] || annotation.invalidated) {
        data.cachedStats[target] ??= {};
        inner._calculateCachedStats(annotation);
      }
      const { activeHandleIndex } = data.handles;
      if (inner.editData?.annotation === annotation || activeHandleIndex !== null) drawing.drawHandles(helper, uid, '0', canvas, { color, lineDash, lineWidth });
      segments(kind, canvas.length).forEach(([a, b], at) => {
        drawing.drawLine(helper, uid, `line-${at}`, canvas[a] as CoreTypes.Point2, canvas[b] as CoreTypes.Point2, { color, width: lineWidth, lineDash, shadow }, `${uid}-line-${at}`);
      });
      inner.renderLinkedTextBoxAnnotation({ enabledElement: enabled, svgDrawingHelper: helper, annotation, styleSpecifier, textLines: inner.configuration.getTextLines(data, target) ?? [], canvasCoordinates: canvas });
    }
    return (list ?? []).length > 0;
  };
}

/** Both ends of a line in one row of the image: transverse diameters are measured level (V-18). */
function makeLevel({ annotation, handleIndex }: EditData): void {
  const source = sourceOf(annotation.metadata?.referencedImageId);
  const { points } = annotation.data.handles;
  if (!source || handleIndex === undefined) return;
  const partner = handleIndex % 2 === 0 ? handleIndex + 1 : handleIndex - 1;
  const [moved, other] = [points[handleIndex], points[partner]];
  if (!moved || !other) return;
  // The point begun with gives the row while a line is drawn; later the end that is moved takes the other along.
  const [from, to] = annotation.data.handles.points.length - 1 === handleIndex && handleIndex % 2 === 1 ? [other, handleIndex] : [moved, partner];
  const row = toIndex(source.frame, from)[1];
  const [column] = toIndex(source.frame, points[to] as CoreTypes.Point3);
  points[to] = toWorld(source.frame, [column, row]);
}

export class PxPolyline extends LengthTool {
  static override toolName = KINDS.polyline.tool;
  constructor(props: Types.PublicToolProps = {}) {
    super(measuring(props));
    measure(this, 'polyline');
    path(this, 'polyline');
  }
}

export class PxPolygon extends LengthTool {
  static override toolName = KINDS.polygon.tool;
  constructor(props: Types.PublicToolProps = {}) {
    super(measuring(props));
    measure(this, 'polygon');
    path(this, 'polygon');
  }
}

export class PxRatio extends LengthTool {
  static override toolName = KINDS.ratio.tool;
  constructor(props: Types.PublicToolProps = {}) {
    super(measuring(props));
    measure(this, 'ratio');
    path(this, 'ratio');
  }
}

export class PxCardiothoracic extends LengthTool {
  static override toolName = KINDS.cardiothoracic.tool;
  constructor(props: Types.PublicToolProps = {}) {
    super(measuring(props));
    measure(this, 'cardiothoracic');
    path(this, 'cardiothoracic');
  }
}
