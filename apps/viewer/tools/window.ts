/** Window by dragging (V-2): right is wider, down is darker. The cell keeps the window; Cornerstone's own does not draw. */
import { BaseTool, type Types } from '@cornerstonejs/tools';
import { cellOf } from './cells';

export class WindowTool extends BaseTool {
  static override toolName = 'PxWindow';

  constructor(props: Types.PublicToolProps = {}, defaults: Types.ToolProps = { supportedInteractionTypes: ['Mouse', 'Touch'] }) {
    super(props, defaults);
  }

  mouseDragCallback(event: Types.EventTypes.InteractionEventType): void {
    const { element, deltaPoints } = event.detail;
    cellOf(element)?.dragWindow(deltaPoints.canvas[0], deltaPoints.canvas[1]);
  }

  touchDragCallback(event: Types.EventTypes.InteractionEventType): void {
    this.mouseDragCallback(event);
  }
}
