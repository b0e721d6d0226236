/**
 * A graphics device that goes away (its driver is reset, the machine slept, too many pages use it): said over the images at once, because
 * nothing that happens meanwhile would be drawn; drawn anew when it is back.
 */
import { Enums, eventTarget } from '@cornerstonejs/core';
import { say, type Language } from './words';

/** ms; browsers give the context back within a second or two, or not at all. */
const PATIENCE = 10_000;

export class LostGraphics {
  private readonly box = document.createElement('div');
  private late = 0;

  constructor(
    private readonly root: HTMLElement,
    private readonly parts: { engine(): string; language(): Language; restored(): void },
  ) {
    this.box.className = 'px-notice px-lost';
    this.box.setAttribute('role', 'alert');
    eventTarget.addEventListener(Enums.Events.WEBGL_CONTEXT_LOST, this.lost);
    eventTarget.addEventListener(Enums.Events.WEBGL_CONTEXT_RESTORED, this.restored);
  }

  dispose(): void {
    clearTimeout(this.late);
    eventTarget.removeEventListener(Enums.Events.WEBGL_CONTEXT_LOST, this.lost);
    eventTarget.removeEventListener(Enums.Events.WEBGL_CONTEXT_RESTORED, this.restored);
    this.box.remove();
  }

  private readonly lost = (event: Event): void => {
    if (!this.ours(event)) return;
    this.say('contextLost', null);
    clearTimeout(this.late);
    this.late = window.setTimeout(() => this.say('contextGone', 'contextGoneHow'), PATIENCE);
  };

  private readonly restored = (event: Event): void => {
    if (!this.ours(event)) return;
    clearTimeout(this.late);
    this.box.remove();
    this.parts.restored();
  };

  private ours(event: Event): boolean {
    return (event as CustomEvent<{ renderingEngineId: string }>).detail.renderingEngineId === this.parts.engine();
  }

  private say(title: 'contextLost' | 'contextGone', action: 'contextGoneHow' | null): void {
    const language = this.parts.language();
    const strong = document.createElement('strong');
    strong.textContent = say(title, language);
    this.box.replaceChildren(strong);
    if (action) {
      const how = document.createElement('span');
      how.textContent = say(action, language);
      this.box.append(how);
    }
    this.root.append(this.box);
  }
}
