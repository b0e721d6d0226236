/** Measures the screen: a bar is made as long as a bank card, or as 100 mm of a ruler, laid on the glass. */
import { element } from './dialog';
import { say, type Language, type Word } from './words';

/** mm; the card is ID-1 of ISO/IEC 7810. */
const STANDARDS: readonly { word: Word; length: number }[] = [{ word: 'bankCard', length: 85.6 }, { word: 'ruler', length: 100 }];
/** CSS pixels of the bar: the smallest and the largest a screen in use needs. */
const LEAST = 120;
const MOST = 1200;

export class ScreenDialog {
  private close: (() => void) | null = null;

  constructor(private readonly root: HTMLElement) {}

  /** mm of a CSS pixel; null when it was not measured. */
  ask(language: Language): Promise<number | null> {
    this.cancel();
    return new Promise((resolve) => {
      const form = element('form', 'px-dialog px-screen');
      const bar = element('div', 'px-screen-bar');
      const grip = element('div', 'px-screen-grip');
      const slider = element('input', '');
      const accept = element('button', 'px-dialog-accept', say('accept', language));
      const cancel = element('button', '', say('cancel', language));
      const most = Math.min(MOST, this.root.clientWidth - 40);
      let standard = STANDARDS[0] as (typeof STANDARDS)[number];

      form.setAttribute('role', 'dialog');
      form.setAttribute('aria-label', say('screenTitle', language));
      slider.type = 'range';
      slider.min = String(LEAST);
      slider.max = String(most);
      slider.step = '0.5';
      slider.setAttribute('aria-label', say('screenBar', language));
      cancel.type = 'button';
      const set = (pixels: number): void => {
        slider.value = String(Math.min(most, Math.max(LEAST, pixels)));
        bar.style.width = `${slider.value}px`;
      };
      const choices = element('div', 'px-screen-choices');
      for (const one of STANDARDS) {
        const label = element('label', '');
        const radio = element('input', '');
        radio.type = 'radio';
        radio.name = 'standard';
        radio.checked = one === standard;
        radio.addEventListener('change', () => {
          standard = one;
          bar.classList.toggle('px-screen-card', one === STANDARDS[0]);
        });
        label.append(radio, say(one.word, language));
        choices.append(label);
      }
      bar.classList.add('px-screen-card');
      bar.append(grip);
      set(324); // a card at 96 pixels for an inch
      slider.addEventListener('input', () => set(Number(slider.value)));
      grip.addEventListener('pointerdown', (event) => {
        grip.setPointerCapture(event.pointerId);
        event.preventDefault();
      });
      grip.addEventListener('pointermove', (event) => {
        if (grip.hasPointerCapture(event.pointerId)) set(event.clientX - bar.getBoundingClientRect().left);
      });
      const buttons = element('div', 'px-dialog-buttons');
      buttons.append(cancel, accept);
      form.append(element('strong', '', say('screenTitle', language)), element('p', '', say('screenHow', language)), choices, bar, slider, buttons);

      const end = (answer: number | null): void => {
        this.close = null;
        form.remove();
        this.root.focus({ preventScroll: true });
        resolve(answer);
      };
      form.addEventListener('submit', (event) => {
        event.preventDefault();
        end(standard.length / Number(slider.value));
      });
      cancel.addEventListener('click', () => end(null));
      form.addEventListener('keydown', (event) => {
        event.stopPropagation();
        if (event.key === 'Escape') end(null);
      });
      for (const name of ['pointerdown', 'mousedown', 'dblclick', 'wheel', 'contextmenu']) form.addEventListener(name, (event) => event.stopPropagation());
      this.close = () => end(null);
      this.root.append(form);
      slider.focus();
    });
  }

  cancel(): void {
    this.close?.();
  }
}
