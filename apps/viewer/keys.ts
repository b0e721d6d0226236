/** Keys of the viewer. Only while it (or something in it) has the focus, so that a page's own keys stay free. */
import { TOOLS, type ToolName } from './engine';

export interface KeyActions {
  tool(name: ToolName): void;
  scroll(images: number): void;
  end(last: boolean): void;
  preset(position: number): void;
  reset(): void;
  invert(): void;
  /** Brighter (1) or darker (−1) by one step. */
  gamma(step: 1 | -1): void;
  rotate(degrees: number): void;
  flip(axis: 'horizontal' | 'vertical'): void;
  layout(): void;
  mpr(): void;
  cine(): void;
  link(): void;
  remove(): void;
  zoom(factor: number): void;
  undo(): void;
  /** Drops a drawing under way; false when there is none. */
  cancel(): boolean;
  /** Ends it with the points it has; false when nothing is being drawn. */
  finish(): boolean;
  redo(): void;
}

const TOOL_KEYS: Record<string, ToolName> = { w: 'window', s: 'scroll', z: 'zoom', p: 'pan', v: 'probe', l: 'length', a: 'angle', c: 'cobb', e: 'ellipse', b: 'rectangle', x: 'crosshair', d: 'curve', n: 'magnifier', y: 'polyline', o: 'polygon', q: 'ratio', t: 'cardiothoracic' };

/** Does what the key means; false when it means nothing here and should go on to the page. */
export function press(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'altKey' | 'metaKey' | 'shiftKey'>, actions: KeyActions): boolean {
  if ((event.ctrlKey || event.metaKey) && !event.altKey && ['z', 'y'].includes(event.key.toLowerCase())) {
    if (event.key.toLowerCase() === 'y' || event.shiftKey) actions.redo();
    else actions.undo();
    return true;
  }
  if (event.ctrlKey || event.altKey || event.metaKey) return false;
  const { key } = event;
  const tool = TOOL_KEYS[key.toLowerCase()];
  if (tool && TOOLS.includes(tool)) actions.tool(tool);
  else if (key === 'ArrowUp' || key === 'ArrowLeft') actions.scroll(-1);
  else if (key === 'ArrowDown' || key === 'ArrowRight') actions.scroll(1);
  else if (key === 'PageUp') actions.scroll(-10);
  else if (key === 'PageDown') actions.scroll(10);
  else if (key === 'Home') actions.end(false);
  else if (key === 'End') actions.end(true);
  else if (/^[1-9]$/.test(key)) actions.preset(Number(key) - 1);
  else if (key === 'r' || key === 'R' || key === '0') actions.reset();
  else if (key === 'i' || key === 'I') actions.invert();
  else if (key === '.' || key === '>') actions.gamma(1);
  else if (key === ',' || key === '<') actions.gamma(-1);
  else if (key === ']') actions.rotate(90);
  else if (key === '[') actions.rotate(-90);
  else if (key === 'h' || key === 'H') actions.flip('horizontal');
  else if (key === 'u' || key === 'U') actions.flip('vertical');
  else if (key === 'g' || key === 'G') actions.layout();
  else if (key === 'm' || key === 'M') actions.mpr();
  else if (key === 'k' || key === 'K') actions.cine();
  else if (key === 'j' || key === 'J') actions.link();
  else if (key === '+' || key === '=') actions.zoom(1.25);
  else if (key === '-') actions.zoom(0.8);
  else if (key === 'Delete' || key === 'Backspace') actions.remove();
  else if (key === 'Enter') return actions.finish();
  else if (key === 'Escape') return actions.cancel(); // with nothing to drop, the page has a meaning of its own for it
  else return false;
  return true;
}
