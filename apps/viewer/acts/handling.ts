/** Tools and keys in the reader's hand, his language, and what a page hears of it all. */
import type { ViewerEvents, ViewerState } from '../api';
import { TOOLS, type ToolName } from '../engine';
import type { OwnKeys } from '../keys';
import { viewerState } from '../state';
import { Toolset } from '../toolset';
import { say, type Language } from '../words';
import type { Workings } from '../workings';

export class Handling {
  /** The reader's own keys. */
  keys: OwnKeys = {};

  constructor(
    private readonly inside: Workings,
    private readonly ended: () => void,
  ) {}

  setTool(tool: ToolName): void {
    if (TOOLS.includes(tool)) this.inside.take(tool);
  }

  setTools(tools: readonly string[]): void {
    const { inside } = this;
    inside.tools = new Toolset(tools);
    if (!inside.tools.allowsTool(inside.tool)) inside.take(inside.given('window'));
    inside.telling.changed();
  }

  setKeys(keys: OwnKeys): void {
    this.keys = keys;
  }

  setLanguage(lang: Language): void {
    const { inside } = this;
    inside.language = lang;
    inside.root.setAttribute('aria-label', say('viewer', lang));
    inside.drawn.reword();
    inside.guide.write();
    for (const cell of inside.cells) {
      if (cell.series) {
        cell.refresh();
        cell.render();
      } else cell.empty();
    }
    inside.solid.reword();
    inside.grid.setActive(inside.grid.active);
  }

  state(): ViewerState {
    return viewerState(this.inside);
  }

  on<E extends keyof ViewerEvents>(event: E, handler: (value: ViewerEvents[E]) => void): () => void {
    return this.inside.telling.on(event, handler);
  }

  dispose(): void {
    if (this.inside.dispose()) this.ended();
  }
}
