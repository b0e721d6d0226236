/** Turning by dragging (V-19): the picture goes with the mouse about its middle, by any angle. */
import { BaseTool, type Types } from '@cornerstonejs/tools';
import { cellOf } from './cells';

/** CSS pixels: nearer to the middle than this the hand cannot say an angle. */
const NEAR = 8;

export class TurnTool extends BaseTool {
  static override toolName = 'PxTurn';
  /** Less than the smallest turn, degrees: slow drags must not get lost. */
  private rest = 0;

  constructor(props: Types.PublicToolProps = {}, defaults: Types.ToolProps = { supportedInteractionTypes: ['Mouse', 'Touch'] }) {
    super(props, defaults);
  }

  mouseDragCallback(event: Types.EventTypes.InteractionEventType): void {
    const { element, lastPoints, currentPoints } = event.detail;
    const cell = cellOf(element);
    const middle = cell?.middle();
    if (!cell || !middle) return;
    const [before, now] = [lastPoints, currentPoints].map(({ canvas }) => [canvas[0] - middle[0], canvas[1] - middle[1]]) as [[number, number], [number, number]];
    if (Math.hypot(...before) < NEAR || Math.hypot(...now) < NEAR) return;
    // The screen's y runs down: this angle grows clockwise.
    const turned = ((Math.atan2(now[1], now[0]) - Math.atan2(before[1], before[0])) * 180) / Math.PI;
    this.rest += ((turned + 540) % 360) - 180;
    const tenths = Math.trunc(this.rest * 10) / 10;
    this.rest -= tenths;
    if (tenths !== 0) cell.framing.rotate(tenths);
  }

  touchDragCallback(event: Types.EventTypes.InteractionEventType): void {
    this.mouseDragCallback(event);
  }
}
