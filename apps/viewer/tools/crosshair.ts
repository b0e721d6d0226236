/** Keeps the left button free of other tools while the crosshair has it: cells hear the mouse themselves (`crosshair.ts`). */
import { BaseTool, type Types } from '@cornerstonejs/tools';

export class CrosshairTool extends BaseTool {
  static override toolName = 'PxCrosshair';

  constructor(props: Types.PublicToolProps = {}, defaults: Types.ToolProps = { supportedInteractionTypes: ['Mouse', 'Touch'] }) {
    super(props, defaults);
  }
}
