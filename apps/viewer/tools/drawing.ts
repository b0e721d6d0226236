/** The tools that measure and annotate: drawn by Cornerstone or by `path.ts`, computed by `measure/kinds.ts`. */
import { AngleTool, CobbAngleTool, EllipticalROITool, LengthTool, ProbeTool, RectangleROITool, type Types } from '@cornerstonejs/tools';
import { KINDS, type MeasurementKind } from '../measure/kinds';
import { figureOf } from './figure';
import { lasso } from './lasso';
import { measure, measuring } from './measuring';
import { path } from './path';
import { ownSides } from './sides';

type ToolClass = typeof LengthTool;

/** Kinds that one of Cornerstone's own tools draws; `keep`: what it computes itself is needed for its drawing. */
const OWN: Partial<Record<MeasurementKind, { tool: unknown; keep?: boolean }>> = {
  length: { tool: LengthTool },
  probe: { tool: ProbeTool },
  angle: { tool: AngleTool },
  cobb: { tool: CobbAngleTool, keep: true },
  ellipse: { tool: EllipticalROITool },
  rectangle: { tool: RectangleROITool },
};

function toolFor(kind: MeasurementKind): ToolClass {
  const { tool, keep } = OWN[kind] ?? { tool: LengthTool };
  return class extends (tool as ToolClass) {
    static override toolName = KINDS[kind].tool;
    constructor(props: Types.PublicToolProps = {}) {
      super(measuring(props));
      measure(this, kind, keep);
      if (kind === 'ellipse' || kind === 'rectangle') ownSides(this, kind);
      const figure = figureOf(kind);
      const parts = figure ? path(this, kind) : null;
      if (parts && figure === 'lasso') lasso(this, parts);
    }
  };
}

export const DRAWING_TOOLS = Object.fromEntries((Object.keys(KINDS) as MeasurementKind[]).map((kind) => [kind, toolFor(kind)])) as Record<MeasurementKind, ToolClass>;
