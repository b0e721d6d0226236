/** Says for a moment that a key that was pressed belongs to a function that the user has not got. */
import type { Command } from './commands';
import { say, type Language } from './words';

const SAID_MS = 4000;

export class Refusal {
  private readonly line = document.createElement('div');
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    root: HTMLElement,
    private readonly language: () => Language,
  ) {
    this.line.className = 'px-refusal';
    this.line.setAttribute('role', 'status');
    this.line.hidden = true;
    root.append(this.line);
  }

  tell(command: Command): void {
    const language = this.language();
    this.line.textContent = `${command[language]}${say('refused', language)}`;
    this.line.hidden = false;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void (this.line.hidden = true), SAID_MS);
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.line.remove();
  }
}
