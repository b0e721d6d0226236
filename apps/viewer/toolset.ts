/**
 * Which functions of the viewer a user has: one table of named functions, each with the clause that asks for it and the commands that
 * reach it, and one of the calls that need them. What a user has not got has no command, no key, and no effect when a page calls it. Pure, so that a page can have it without
 * the viewer. Who has what is decided by ris (`ris/access/licence.py`).
 */
import type { Presentation, Reconstruction, Slab, Viewer } from './api';
import { COMMANDS, type Command, type Commanded } from './commands';
import type { ToolName } from './engine';

const keysOfPresets = Array.from({ length: 9 }, (_, position) => `preset-${position + 1}`);

/** id → [clause, commands]. No clause: the department's own, with the centre only. */
export const FUNCTIONS = {
  compare: ['V-1', ['layout', 'next-hanging', 'hang-again']],
  window: ['V-2', ['tool-window']],
  gamma: ['V-3', ['gamma-brighter', 'gamma-darker']],
  presets: ['V-4', keysOfPresets],
  zoom: ['V-5', ['tool-zoom', 'zoom-in', 'zoom-out']],
  pan: ['V-6', ['tool-pan']],
  magnifier: ['V-7', ['tool-magnifier']],
  probe: ['V-8', ['tool-probe']],
  length: ['V-9', ['tool-length']],
  polyline: ['V-10', ['tool-polyline']],
  angle: ['V-11', ['tool-angle']],
  cobb: ['V-12', ['tool-cobb']],
  ellipse: ['V-13', ['tool-ellipse']],
  rectangle: ['V-14', ['tool-rectangle']],
  polygon: ['V-15', ['tool-polygon']],
  lasso: ['V-16', ['tool-lasso']],
  proportion: ['V-17', ['tool-ratio', 'tool-calibration', 'true-size']],
  cardiothoracic: ['V-18', ['tool-cardiothoracic']],
  turn: ['V-19', ['tool-turn', 'rotate-right', 'rotate-left', 'rotate-none', 'flip-horizontal', 'flip-vertical']],
  invert: ['V-20', ['invert']],
  filter: ['V-21', []],
  reset: ['V-22', ['reset']],
  cine: ['V-23', ['cine']],
  references: ['V-24', []],
  link: ['V-25', ['link']],
  corners: ['V-26', []],
  mpr: ['V-27', ['mpr']],
  oblique: ['V-28', []],
  curve: ['V-29', ['tool-curve']],
  projection: ['V-30', []],
  slab: ['V-31', []],
  rendering: ['V-32', ['rendering']],
  templates: ['V-33', []],
  bone: ['V-34', []],
  table: ['V-35', []],
  touch: ['V-36', []],
  point: ['V-37', ['tool-crosshair']],
  annotation: ['C-6', ['tool-rectangle_annotation', 'tool-circle_annotation', 'tool-arrow', 'tool-freehand', 'tool-text']],
  keyImages: ['R-10', ['key-image']],
  children: ['', ['tool-acetabular_index', 'tool-graf', 'tool-leg_length']],
  itk: ['H-6', []],
} as const satisfies Record<string, readonly [string, readonly string[]]>;

export type FunctionId = keyof typeof FUNCTIONS;

const IDS = Object.keys(FUNCTIONS) as FunctionId[];
const NEEDED = new Map<string, FunctionId>(IDS.flatMap((id) => (FUNCTIONS[id][1] as readonly string[]).map((command) => [command, id] as const)));

const ofTool = (tool: ToolName): readonly FunctionId[] => {
  const needed = NEEDED.get(`tool-${tool}`);
  return needed ? [needed] : [];
};

const RECONSTRUCTS = { mpr: 'mpr', cpr: 'curve', rendering: 'rendering' } as const satisfies Record<Reconstruction['made'], FunctionId>;

/** The function that computes such a picture. */
export const reconstructing = (made: Reconstruction['made']): FunctionId => RECONSTRUCTS[made];

/** Calls of a page or a key that need a function, one of these; none of them is everybody's. */
const CALLS = {
  setTool: ofTool,
  nextLayout: ['compare'],
  nextHanging: ['compare'],
  hangAgain: ['compare'],
  setLinked: ['link'],
  toggleLinked: ['link'],
  zoomBy: ['zoom'],
  preset: ['presets'],
  presetAt: ['presets'],
  setGamma: ['gamma'],
  stepGamma: ['gamma'],
  invert: ['invert'],
  rotate: ['turn'],
  turnTo: ['turn'],
  flip: ['turn'],
  reset: ['reset'],
  trueSize: ['proportion'],
  setFilter: ['filter'],
  play: ['cine'],
  toggleCine: ['cine'],
  mpr: ['mpr'],
  // A projection has a thickness of its own.
  setSlab: (slab: Slab | null) => (slab !== null && slab.mode !== 'mean' ? ['slab', 'projection'] : ['slab']),
  setCurve: ['curve'],
  finishCurve: ['curve'],
  setCpr: ['curve'],
  rendering: ['rendering'],
  setRendering: ['rendering'],
  setMasks: ['bone', 'table'],
  setPoint: ['point'],
  propose: ['cardiothoracic'],
  // What was received may be seen as somebody else saw it.
  present: ({ reconstruction }: Presentation) => (reconstruction ? [RECONSTRUCTS[reconstruction.made]] : []),
  keepKeyImage: ['keyImages'],
} as const satisfies Partial<Record<keyof Viewer | keyof Commanded, readonly FunctionId[] | ((argument: never) => readonly FunctionId[])>>;

const NEEDS = new Map<string, readonly FunctionId[] | ((argument: never) => readonly FunctionId[])>(Object.entries(CALLS));

/** What a view asks for that is a function of its own. */
interface View {
  plane?: unknown;
  rendering?: unknown;
  curved?: unknown;
  reconstruction?: Reconstruction;
  gamma?: unknown;
  inverted?: unknown;
  turn?: unknown;
}

const VIEWED: readonly (readonly [keyof View, FunctionId])[] = [['plane', 'mpr'], ['rendering', 'rendering'], ['curved', 'curve'], ['gamma', 'gamma'], ['inverted', 'invert'], ['turn', 'turn']];

/** Every function. */
export const ALL = '*';

/** The functions of these clauses, as ris names them; `*`: all. */
export function functionsOf(clauses: readonly string[]): readonly string[] {
  return clauses.includes(ALL) ? [ALL] : IDS.filter((id) => FUNCTIONS[id][0] !== '' && clauses.includes(FUNCTIONS[id][0]));
}

export class Toolset {
  private readonly names: ReadonlySet<string>;

  constructor(names: readonly string[]) {
    this.names = new Set(names);
  }

  has(id: FunctionId): boolean {
    return this.names.has(ALL) || this.names.has(id);
  }

  /** Scrolling, undo and what else belongs to no function is everybody's. */
  allows(command: string): boolean {
    const needed = NEEDED.get(command);
    return needed === undefined || this.has(needed);
  }

  allowsTool(tool: ToolName): boolean {
    return this.allows(`tool-${tool}`);
  }

  /** Whether a call of the viewer, by its name and with these arguments, may have an effect. */
  allowsCall(name: string, args: readonly unknown[]): boolean {
    const needed = NEEDS.get(name);
    const ids = typeof needed === 'function' ? needed(args[0] as never) : (needed ?? []);
    return ids.length === 0 || ids.some((id) => this.has(id));
  }

  /** A view as it may be put up, and what it would have needed besides: of a protocol or a screen made where there was more. */
  fitting<R extends View>(view: R): { view: R; missing: FunctionId[] } {
    const missing = [...new Set(VIEWED.filter(([part, id]) => view[part] !== undefined && !this.has(id)).map(([, id]) => id))];
    const refused = new Set(VIEWED.filter(([, id]) => missing.includes(id)).map(([part]) => part));
    if (view.reconstruction && !this.has(RECONSTRUCTS[view.reconstruction.made])) refused.add('reconstruction');
    return { view: Object.fromEntries(Object.entries(view).filter(([part]) => !refused.has(part as keyof View))) as R, missing };
  }

  commands(): readonly Command[] {
    return COMMANDS.filter(({ id }) => this.allows(id));
  }
}
