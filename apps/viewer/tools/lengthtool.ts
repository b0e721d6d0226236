/**
 * What the tools of `path.ts` use of the inside of Cornerstone's length tool (5.14): its drawing state, its callbacks and its text box.
 * They are no public interface: everything that a new version of Cornerstone may break is named here.
 */
import type { Types as CoreTypes } from '@cornerstonejs/core';
import type { LengthTool, Types } from '@cornerstonejs/tools';

export type Interaction = Types.EventTypes.InteractionEventType;

export interface DrawnAnnotation extends Types.Annotation {
  data: Types.Annotation['data'] & {
    label: string;
    handles: { points: CoreTypes.Point3[]; activeHandleIndex: number | null; textBox?: unknown };
    cachedStats: Record<string, unknown>;
  };
}

export interface EditData {
  annotation: DrawnAnnotation;
  /** The point that follows the mouse. */
  handleIndex?: number;
  newAnnotation?: boolean;
  hasMoved?: boolean;
  movingTextBox?: boolean;
}

export interface InnerLength {
  editData: EditData | null;
  isDrawing: boolean;
  toolGroupId: string;
  configuration: { getTextLines(data: unknown, target: string): string[] | undefined };
  addNewAnnotation(event: Interaction): Types.Annotation;
  /** The button was released, or clicked. */
  _endCallback(event: Interaction): void;
  /** The mouse moved, with the button pressed or not. */
  _dragCallback(event: Interaction): void;
  _calculateCachedStats(annotation: Types.Annotation): unknown;
  cancel(element: HTMLDivElement): string | undefined;
  isPointNearTool(element: HTMLDivElement, annotation: Types.Annotation, canvas: CoreTypes.Point2, proximity: number): boolean;
  renderAnnotation(enabled: CoreTypes.IEnabledElement, helper: Types.SVGDrawingHelper): boolean;
  renderLinkedTextBoxAnnotation(parts: Record<string, unknown>): boolean;
  filterInteractableAnnotationsForElement(element: HTMLDivElement, list: Types.Annotation[]): Types.Annotation[];
  getAnnotationStyle(parts: Record<string, unknown>): { color: string; lineWidth: number; lineDash: string; shadow: boolean; textbox: Record<string, unknown> };
  getTargetId(viewport: unknown): string;
}

export function innerOf(tool: LengthTool): InnerLength {
  return tool as unknown as InnerLength;
}
