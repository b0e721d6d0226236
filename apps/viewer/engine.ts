/** Cornerstone as this page uses it: started once, one rendering engine and one tool group for each viewer. */
import { cache, init as initCore, RenderingEngine } from '@cornerstonejs/core';
import { addTool, annotation, Enums as ToolEnums, init as initTools, PanTool, ToolGroupManager, ZoomTool } from '@cornerstonejs/tools';
import { removeSources, registerPixelLoader } from './loader';
import { SeriesStore } from './store';
import { KINDS, type MeasurementKind } from './measure/kinds';
import { DRAWING_TOOLS } from './tools/drawing';
import { CrosshairTool, CurveTool, MagnifierTool } from './tools/own';
import type { PathTool } from './tools/path';
import { ScrollTool } from './tools/scroll';
import { TurnTool } from './tools/turn';
import { WindowTool } from './tools/window';

/** Tools of the left mouse button; the middle one always pans, the right one zooms, the wheel scrolls. */
export const TOOLS = ['window', 'scroll', 'zoom', 'pan', ...(Object.keys(KINDS) as MeasurementKind[]), 'crosshair', 'curve', 'magnifier', 'turn'] as const;
export type ToolName = (typeof TOOLS)[number];

const CLASSES: Record<ToolName, { toolName: string }> = {
  window: WindowTool,
  scroll: ScrollTool,
  zoom: ZoomTool,
  pan: PanTool,
  ...DRAWING_TOOLS,
  crosshair: CrosshairTool,
  curve: CurveTool,
  magnifier: MagnifierTool,
  turn: TurnTool,
};

export const store = new SeriesStore();
let ready: { webgl: boolean; largest: number } | null = null;

/** WebGL 2 and its largest texture, asked on a canvas that is given back at once. */
function graphics(): { webgl: boolean; largest: number } {
  const gl = document.createElement('canvas').getContext('webgl2');
  if (!gl) return { webgl: false, largest: 0 };
  const largest = Number(gl.getParameter(gl.MAX_TEXTURE_SIZE));
  gl.getExtension('WEBGL_lose_context')?.loseContext();
  return { webgl: true, largest };
}

/** Starts Cornerstone; answers what this browser can draw. */
export function start(): { webgl: boolean; largest: number } {
  if (ready) return ready;
  ready = graphics();
  if (!ready.webgl) return ready;
  initCore({ rendering: { webGlContextCount: 1 } } as Parameters<typeof initCore>[0]);
  initTools();
  registerPixelLoader();
  cache.setMaxCacheSize(3e9);
  for (const tool of Object.values(CLASSES)) addTool(tool as Parameters<typeof addTool>[0]);
  annotation.config.style.setDefaultToolStyles({
    global: {
      ...annotation.config.style.getDefaultToolStyles().global,
      color: 'rgb(255, 214, 64)',
      colorHighlighted: 'rgb(120, 220, 255)',
      colorSelected: 'rgb(120, 220, 255)',
      textBoxColor: 'rgb(255, 232, 140)',
      textBoxColorHighlighted: 'rgb(180, 236, 255)',
      textBoxColorSelected: 'rgb(180, 236, 255)',
      textBoxFontSize: '14px',
      textBoxBackground: 'rgba(0, 0, 0, 0.55)',
      textBoxFontFamily: 'system-ui, "Noto Sans CJK SC", sans-serif',
    },
  } as Parameters<typeof annotation.config.style.setDefaultToolStyles>[0]);
  store.onDrop = (series) => removeSources((_, owner) => owner === series);
  return ready;
}

export function makeEngine(viewer: string): RenderingEngine {
  return withoutMultisampling(() => new RenderingEngine(`engine-${viewer}`));
}

/**
 * Contexts made meanwhile smooth no edges: the pictures are rectangles that fill their views, and on a processor without a graphics card the smoothing
 * costs as much as the picture. vtk.js makes its context when its window is made, and lets nobody say how.
 */
function withoutMultisampling<T>(make: () => T): T {
  const { prototype } = HTMLCanvasElement;
  const plain = prototype.getContext as (this: HTMLCanvasElement, kind: string, options?: object) => RenderingContext | null;
  prototype.getContext = function (this: HTMLCanvasElement, kind: string, options?: object) {
    return plain.call(this, kind, kind === 'webgl2' ? { ...options, antialias: false } : options);
  } as typeof prototype.getContext;
  try {
    return make();
  } finally {
    prototype.getContext = plain as typeof prototype.getContext;
  }
}

export type ToolGroup = NonNullable<ReturnType<typeof ToolGroupManager.createToolGroup>>;

export function makeToolGroup(viewer: string): ToolGroup {
  const group = ToolGroupManager.createToolGroup(`tools-${viewer}`);
  if (!group) throw new Error(`viewer ${viewer} has a tool group already`);
  for (const tool of Object.values(CLASSES)) group.addTool(tool.toolName);
  return group;
}

/**
 * Ends a drawing under way in these elements, and answers the annotations it leaves: Cornerstone keeps half of an angle, and would
 * take no further press of the mouse in the whole page when its element goes away meanwhile.
 */
export function cancelDrawing(group: ToolGroup, elements: HTMLElement[]): string[] {
  const left: string[] = [];
  for (const { toolName } of Object.values(CLASSES)) {
    const tool = group.getToolInstance(toolName) as { isDrawing?: boolean; cancel?: (element: HTMLElement) => string | undefined } | undefined;
    if (!tool?.isDrawing) continue;
    for (const element of elements) {
      const id = tool.cancel?.(element);
      if (id !== undefined) left.push(id);
    }
  }
  return left;
}

/** Ends a drawing by clicks with the points it has; `here`: by a double click. */
export function finishDrawing(group: ToolGroup, elements: HTMLDivElement[], here = false): void {
  for (const { toolName } of Object.values(CLASSES)) {
    const tool = group.getToolInstance(toolName) as (Partial<PathTool> & { isDrawing?: boolean }) | undefined;
    if (tool?.isDrawing) for (const element of elements) tool.finish?.(element, here);
  }
}

/** Whether a measurement is being drawn or changed at this moment. */
export function isDrawing(group: ToolGroup): boolean {
  return Object.values(CLASSES).some(({ toolName }) => {
    const tool = group.getToolInstance(toolName) as { isDrawing?: boolean; editData?: unknown } | undefined;
    return Boolean(tool?.isDrawing) || (tool?.editData !== undefined && tool.editData !== null);
  });
}

export function dropToolGroup(viewer: string): void {
  ToolGroupManager.destroyToolGroup(`tools-${viewer}`);
}

/** Gives the left button to one tool; drawn measurements of the others stay visible and can be moved. */
export function activate(group: ToolGroup, tool: ToolName): void {
  const { MouseBindings } = ToolEnums;
  for (const [name, { toolName }] of Object.entries(CLASSES) as [ToolName, { toolName: string }][]) {
    const bindings = [
      ...(name === tool ? [{ mouseButton: MouseBindings.Primary }] : []),
      ...(name === 'pan' ? [{ mouseButton: MouseBindings.Auxiliary }] : []),
      ...(name === 'zoom' ? [{ mouseButton: MouseBindings.Secondary }] : []),
    ];
    // Bindings pile up in Cornerstone unless the tool is set passive first.
    group.setToolPassive(toolName, { removeAllBindings: true });
    if (bindings.length > 0) group.setToolActive(toolName, { bindings });
  }
}
