/** Tools that keep the left button free of Cornerstone's: cells hear the mouse themselves (`pointer.ts`). */
import { BaseTool, type Types } from '@cornerstonejs/tools';

export class CrosshairTool extends BaseTool {
  static override toolName = 'PxCrosshair';

  constructor(props: Types.PublicToolProps = {}, defaults: Types.ToolProps = { supportedInteractionTypes: ['Mouse', 'Touch'] }) {
    super(props, defaults);
  }
}

export class CurveTool extends BaseTool {
  static override toolName = 'PxCurve';

  constructor(props: Types.PublicToolProps = {}, defaults: Types.ToolProps = { supportedInteractionTypes: ['Mouse', 'Touch'] }) {
    super(props, defaults);
  }
}

export class MagnifierTool extends BaseTool {
  static override toolName = 'PxMagnifier';

  constructor(props: Types.PublicToolProps = {}, defaults: Types.ToolProps = { supportedInteractionTypes: ['Mouse', 'Touch'] }) {
    super(props, defaults);
  }
}
