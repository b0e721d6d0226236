/** Which point is next, while a tool with several points of a meaning each is used. */
import { KINDS, isKind } from './measure/kinds';
import { DRAWING, type DrawingEvent } from './tools/path';
import { say, type Language, type Word } from './words';

export class Guide {
  private readonly line = document.createElement('div');
  private tool = '';
  private next = 0;

  constructor(
    private readonly root: HTMLElement,
    private readonly language: () => Language,
  ) {
    this.line.className = 'px-guide';
    this.line.setAttribute('role', 'status');
    this.line.hidden = true;
    root.append(this.line);
    root.addEventListener(DRAWING, this.drawing as EventListener);
  }

  dispose(): void {
    this.root.removeEventListener(DRAWING, this.drawing as EventListener);
    this.line.remove();
  }

  /** Another tool, or nothing drawn with this one any more. */
  begin(tool: string): void {
    this.tool = tool;
    this.next = 0;
    this.write();
  }

  write(): void {
    const prompts = isKind(this.tool) ? ((KINDS[this.tool] as { prompts?: readonly Word[] }).prompts ?? []) : [];
    const word = prompts[this.next];
    this.line.hidden = word === undefined;
    this.line.textContent = word === undefined ? '' : `${this.next + 1}/${prompts.length}  ${say(word, this.language())}`;
  }

  private readonly drawing = (event: DrawingEvent): void => {
    if (event.detail.kind !== this.tool) return;
    this.next = event.detail.next;
    this.write();
  };
}
