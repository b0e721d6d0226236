/** The tools that measure (V-8, V-9, V-11 … V-14): drawn by Cornerstone, computed by `measure/kinds.ts`. */
import { AngleTool, CobbAngleTool, EllipticalROITool, LengthTool, ProbeTool, RectangleROITool, type Types } from '@cornerstonejs/tools';
import { KINDS } from '../measure/kinds';
import { measure, measuring } from './measuring';

export class PxLength extends LengthTool {
  static override toolName = KINDS.length.tool;
  constructor(props: Types.PublicToolProps = {}) {
    super(measuring(props));
    measure(this, 'length');
  }
}

export class PxProbe extends ProbeTool {
  static override toolName = KINDS.probe.tool;
  constructor(props: Types.PublicToolProps = {}) {
    super(measuring(props));
    measure(this, 'probe');
  }
}

export class PxAngle extends AngleTool {
  static override toolName = KINDS.angle.tool;
  constructor(props: Types.PublicToolProps = {}) {
    super(measuring(props));
    measure(this, 'angle');
  }
}

export class PxCobb extends CobbAngleTool {
  static override toolName = KINDS.cobb.tool;
  constructor(props: Types.PublicToolProps = {}) {
    super(measuring(props));
    measure(this, 'cobb', true);
  }
}

export class PxEllipse extends EllipticalROITool {
  static override toolName = KINDS.ellipse.tool;
  constructor(props: Types.PublicToolProps = {}) {
    super(measuring(props));
    measure(this, 'ellipse');
  }
}

export class PxRectangle extends RectangleROITool {
  static override toolName = KINDS.rectangle.tool;
  constructor(props: Types.PublicToolProps = {}) {
    super(measuring(props));
    measure(this, 'rectangle');
  }
}
