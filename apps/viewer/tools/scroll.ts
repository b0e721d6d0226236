/** Scrolling a stack by dragging: one image for every few pixels, so that the whole stack fits the height of the cell. */
import { BaseTool, type Types } from '@cornerstonejs/tools';
import { cellOf } from './cells';

export class ScrollTool extends BaseTool {
  static override toolName = 'PxScroll';
  private rest = 0;

  constructor(props: Types.PublicToolProps = {}, defaults: Types.ToolProps = { supportedInteractionTypes: ['Mouse', 'Touch'] }) {
    super(props, defaults);
  }

  mouseDragCallback(event: Types.EventTypes.InteractionEventType): void {
    const { element, deltaPoints } = event.detail;
    const cell = cellOf(element);
    if (!cell) return;
    const perImage = Math.min(12, Math.max(2, element.clientHeight / Math.max(1, cell.count)));
    this.rest += deltaPoints.canvas[1] / perImage;
    const steps = Math.trunc(this.rest);
    this.rest -= steps;
    if (steps !== 0) cell.scrollBy(steps);
  }

  touchDragCallback(event: Types.EventTypes.InteractionEventType): void {
    this.mouseDragCallback(event);
  }
}
