/** A small question over the images: one field, an answer or none. An element of the viewer, so that it works wherever the viewer does. */
import { say, type Language } from './words';

export interface Question {
  title: string;
  /** Nothing is asked: the title is told, and the answer is null. */
  told?: boolean;
  value?: string;
  /** What the field means, or what the answer will do. */
  hint?: string;
  /** Several lines: Shift and Enter begins another one. */
  lines?: boolean;
  /** To be ticked before an answer is taken. */
  consent?: string;
  longest?: number;
  /** Why an answer cannot be taken; null when it can. */
  check?(text: string): string | null;
}

export class Dialog {
  private close: (() => void) | null = null;

  /** `root`: the viewer, which has the keys again afterwards. */
  constructor(private readonly root: HTMLElement) {}

  get open(): boolean {
    return this.close !== null;
  }

  contains(target: EventTarget | null): boolean {
    return target instanceof Element && target.closest('.px-dialog') !== null;
  }

  /** The answer, trimmed; null when there is none (Escape, another question). `at`: CSS pixels within the viewer. */
  ask(question: Question, at: readonly [number, number], language: Language): Promise<string | null> {
    this.cancel();
    return new Promise((resolve) => {
      const form = element('form', 'px-dialog');
      const title = element('label', 'px-dialog-title', question.title);
      const field = element('textarea', 'px-dialog-field');
      const problem = element('p', 'px-dialog-problem');
      const accept = element('button', 'px-dialog-accept', say('accept', language));
      const cancel = element('button', '', say('cancel', language));
      const consent = element('input', '');
      form.setAttribute('role', 'dialog');
      form.setAttribute('aria-label', question.title);
      field.rows = question.lines ? 2 : 1;
      field.maxLength = question.longest ?? 500;
      field.value = question.value ?? '';
      field.setAttribute('aria-label', question.title);
      field.spellcheck = false;
      problem.setAttribute('role', 'alert');
      problem.hidden = true;
      cancel.type = 'button';
      consent.type = 'checkbox';
      form.append(title, ...(question.told ? [] : [field]));
      if (question.hint) form.append(element('p', 'px-dialog-hint', question.hint));
      if (question.consent) {
        const line = element('label', 'px-dialog-consent');
        line.append(consent, question.consent);
        form.append(line);
      }
      const buttons = element('div', 'px-dialog-buttons');
      buttons.append(...(question.told ? [accept] : [cancel, accept]));
      form.append(problem, buttons);

      const end = (answer: string | null): void => {
        this.close = null;
        form.remove();
        this.root.focus({ preventScroll: true });
        resolve(answer);
      };
      const submit = (): void => {
        if (question.told) return end(null);
        const text = field.value.trim();
        const why = question.consent && !consent.checked ? say('consentMissing', language) : (question.check?.(text) ?? null);
        problem.hidden = why === null;
        problem.textContent = why;
        if (why === null) end(text);
      };
      form.addEventListener('submit', (event) => {
        event.preventDefault();
        submit();
      });
      cancel.addEventListener('click', () => end(null));
      form.addEventListener('keydown', (event) => {
        // What is typed here is neither a key of the viewer nor of its page.
        event.stopPropagation();
        // While an input method composes, Enter and Escape are its own (229: some browsers say so after it has ended).
        if (event.isComposing || event.keyCode === 229) return;
        if (event.key === 'Escape') end(null);
        else if (event.key === 'Enter' && event.target !== cancel && !(question.lines && event.shiftKey)) submit();
        else return;
        event.preventDefault();
      });
      for (const name of ['pointerdown', 'mousedown', 'dblclick', 'wheel', 'contextmenu']) form.addEventListener(name, (event) => event.stopPropagation());
      this.close = () => end(null);
      this.root.append(form);
      const room = [this.root.clientWidth - form.offsetWidth, this.root.clientHeight - form.offsetHeight];
      form.style.left = `${Math.max(4, Math.min(at[0] + 12, Number(room[0]) - 4))}px`;
      form.style.top = `${Math.max(4, Math.min(at[1] + 12, Number(room[1]) - 4))}px`;
      if (question.told) accept.focus();
      else field.focus();
      field.select();
    });
  }

  /** Nothing is asked any more. */
  cancel(): void {
    this.close?.();
  }
}

/** An element with a class and a text. */
export function element<T extends keyof HTMLElementTagNameMap>(name: T, className: string, text = ''): HTMLElementTagNameMap[T] {
  const made = document.createElement(name);
  if (className !== '') made.className = className;
  if (text !== '') made.textContent = text;
  return made;
}
