/**
 * Magnetic lasso (V-16): between clicks the line follows edges of the image. It closes with a click near its first point; a second click
 * at the last place (a double click) and Enter close it along the edges too.
 */
import { annotation as annotations, type LengthTool } from '@cornerstonejs/tools';
import { toIndex, toWorld } from '../geometry';
import { sourceOf } from '../loader';
import type { Measured } from '../measure/kinds';
import type { ImagePoint } from '../measure/length';
import { Livewire } from '../measure/livewire';
import { thinned } from '../measure/thin';
import { innerOf, type EditData, type Interaction } from './lengthtool';
import { NEAR, type PathParts, type PathTool } from './path';

/** As it is kept: pixels that the thinned line may be off, and points at most. */
const KEPT = { deviation: 0.2, most: 400 };
/** Clicks before it can close. */
const LEAST = 3;

interface Drawing {
  source: Measured;
  wire: Livewire;
  /** Places clicked, and how many points of the line lead to the last of them. */
  clicks: ImagePoint[];
  fixed: number;
}

export function lasso(tool: LengthTool, { complete, apart, tell }: PathParts): void {
  const inner = innerOf(tool);
  const [add, end, drag, cancel] = [inner.addNewAnnotation, inner._endCallback, inner._dragCallback, inner.cancel];
  let drawing: Drawing | null = null;

  const wireFrom = (source: Measured, place: ImagePoint): Livewire | null => {
    const pixels = source.series.pixels(source.index);
    const { columns, rows, samples } = source.frame;
    return pixels ? new Livewire({ values: pixels.values, columns, rows, samples }, place) : null;
  };

  /** The line as far as it is clicked, then along the edges to a place. */
  const lead = ({ annotation }: EditData, { source, wire, fixed }: Drawing, to: ImagePoint): void => {
    const { points } = annotation.data.handles;
    points.length = fixed;
    for (const place of wire.to(to).slice(1)) points.push(toWorld(source.frame, place));
    points.push(toWorld(source.frame, to));
  };

  const close = (element: HTMLDivElement, editData: EditData, now: Drawing): void => {
    const { handles } = editData.annotation.data;
    lead(editData, now, now.clicks[0] as ImagePoint);
    handles.points.pop(); // the first one again
    const places = handles.points.map((point) => toIndex(now.source.frame, point));
    handles.points = thinned(places, KEPT.deviation, KEPT.most).map((at) => handles.points[at] as (typeof handles.points)[number]);
    drawing = null;
    complete({ detail: { element } });
  };

  inner.addNewAnnotation = (event) => {
    const annotation = add.call(tool, event);
    const source = sourceOf(annotation.metadata?.referencedImageId);
    const place = source && toIndex(source.frame, event.detail.currentPoints.world);
    const wire = source && place && wireFrom(source, place);
    drawing = wire ? { source, wire, clicks: [place], fixed: 1 } : null;
    return annotation;
  };

  inner._dragCallback = (event: Interaction) => {
    const { editData } = inner;
    if (editData?.newAnnotation && drawing) {
      lead(editData, drawing, toIndex(drawing.source.frame, event.detail.currentPoints.world));
      editData.handleIndex = editData.annotation.data.handles.points.length - 1;
    }
    drag.call(tool, event);
  };

  inner._endCallback = (event) => {
    const { editData } = inner;
    if (!editData?.newAnnotation || !drawing) return end.call(tool, event);
    const { element } = event.detail;
    const { points } = editData.annotation.data.handles;
    const last = points.length - 1;
    const enough = drawing.clicks.length >= LEAST;
    if (enough && (apart(element, points, 0, last) <= NEAR || apart(element, points, drawing.fixed - 1, last) <= NEAR)) return close(element, editData, drawing);
    if (apart(element, points, drawing.fixed - 1, last) <= NEAR) return;
    const place = toIndex(drawing.source.frame, points[last] as (typeof points)[number]);
    const wire = wireFrom(drawing.source, place);
    if (!wire) return;
    drawing = { ...drawing, wire, clicks: [...drawing.clicks, place], fixed: points.length };
    tell(element, drawing.clicks.length);
  };

  inner.cancel = (element) => {
    const half = inner.editData?.newAnnotation ? inner.editData.annotation : null;
    const id = cancel.call(tool, element);
    // An open line encloses nothing.
    if (half && drawing) annotations.state.removeAnnotation(half.annotationUID ?? '');
    drawing = null;
    return id;
  };

  (tool as unknown as PathTool).finish = (element) => {
    if (inner.editData?.newAnnotation && drawing && drawing.clicks.length >= LEAST) close(element, inner.editData, drawing);
  };
}
