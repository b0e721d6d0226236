/** The bar over a rendering: template, view, what the hand does, crop box, undo, reset, close. Text goes in as text. */
import { say, type Language, type Word } from '../words';
import type { CropBox } from './cutting';
import { EYE_VIEWS, type EyeView } from './eye';
import type { Template } from './templates';

/** What the left button does. */
export const RENDERING_MODES = ['turn', 'pan', 'window', 'point', 'cut-inside', 'cut-outside'] as const;
export type RenderingMode = (typeof RENDERING_MODES)[number];

const MODE_WORDS: Record<RenderingMode, Word> = { turn: 'vrTurn', pan: 'vrPan', window: 'vrWindow', point: 'vrPoint', 'cut-inside': 'vrCutInside', 'cut-outside': 'vrCutOutside' };
const VIEW_WORDS: Record<EyeView, Word> = { A: 'fromFront', P: 'fromBack', L: 'fromLeft', R: 'fromRight', S: 'fromHead', I: 'fromFeet' };
/** As the letters at the edges of an image: H and F, not the S and I of other programs. */
const LETTERS: Record<EyeView, string> = { A: 'A', P: 'P', L: 'L', R: 'R', S: 'H', I: 'F' };
const SIDES: readonly [Word, Word][] = [['right', 'left'], ['front', 'back'], ['feet', 'head']];
const THUMBNAIL = 72; // CSS pixels

export interface ControlsHost {
  language(): Language;
  templates(): Template[];
  state(): { template: string; mode: RenderingMode; crop: CropBox };
  change(change: { template?: string; view?: EyeView; mode?: RenderingMode; crop?: CropBox }): void;
  thumbnail(template: Template, onto: HTMLCanvasElement): void;
  undo(): void;
  reset(): void;
  close(): void;
}

export class Controls {
  private readonly root = document.createElement('div');
  private readonly bar = document.createElement('div');
  private readonly panel = document.createElement('div');
  private readonly face: HTMLButtonElement;
  private readonly modes = new Map<RenderingMode, HTMLButtonElement>();
  private readonly texts: (() => void)[] = [];
  private open: 'templates' | 'crop' | null = null;
  private painting = 0;

  constructor(parent: HTMLElement, private readonly host: ControlsHost) {
    this.root.className = 'px-vr-controls';
    this.panel.className = 'px-vr-panel';
    this.panel.hidden = true;
    this.bar.className = 'px-vr-bar';
    this.bar.setAttribute('role', 'toolbar');
    this.root.append(this.panel, this.bar);
    parent.append(this.root);
    this.face = this.button('template', 'vrTemplate', () => this.toggle('templates'), () => '');
    for (const view of EYE_VIEWS) this.button(`view-${view}`, VIEW_WORDS[view], () => host.change({ view }), () => LETTERS[view]);
    for (const mode of RENDERING_MODES) this.modes.set(mode, this.button(`mode-${mode}`, MODE_WORDS[mode], () => host.change({ mode })));
    this.button('crop', 'vrCrop', () => this.toggle('crop'));
    this.button('undo', 'vrUndo', () => host.undo());
    this.button('reset', 'vrReset', () => host.reset());
    this.button('close', 'vrClose', () => host.close(), () => '×');
    this.refresh();
  }

  refresh(): void {
    const { mode, template } = this.host.state();
    this.bar.setAttribute('aria-label', say('vr', this.host.language()));
    for (const write of this.texts) write();
    for (const [name, button] of this.modes) button.setAttribute('aria-pressed', String(name === mode));
    const chosen = this.host.templates().find(({ id }) => id === template);
    this.face.textContent = `VR ${chosen ? this.nameOf(chosen) : ''} ▾`;
    for (const one of this.panel.querySelectorAll<HTMLElement>('[data-template]')) one.setAttribute('aria-pressed', String(one.dataset['template'] === template));
  }

  dispose(): void {
    cancelAnimationFrame(this.painting);
    this.root.remove();
  }

  private nameOf({ zh, en }: Template): string {
    return this.host.language() === 'zh' ? zh : en;
  }

  private button(name: string, word: Word, press: () => void, face?: () => string): HTMLButtonElement {
    const button = document.createElement('button');
    button.type = 'button';
    button.dataset['vr'] = name;
    button.addEventListener('click', press);
    this.texts.push(() => {
      const text = say(word, this.host.language());
      button.title = text;
      button.setAttribute('aria-label', text);
      const shown = face ? face() : text;
      if (shown !== '' && button.textContent !== shown) button.textContent = shown;
    });
    this.bar.append(button);
    return button;
  }

  private toggle(what: 'templates' | 'crop'): void {
    cancelAnimationFrame(this.painting);
    this.open = this.open === what ? null : what;
    this.panel.hidden = this.open === null;
    this.panel.replaceChildren();
    this.panel.dataset['panel'] = this.open ?? '';
    if (this.open === 'templates') this.showTemplates();
    if (this.open === 'crop') this.showCrop();
  }

  /** The pictures are of the series on the screen, made when the list is opened: one for each frame of the page. */
  private showTemplates(): void {
    const waiting: [Template, HTMLCanvasElement][] = [];
    for (const template of this.host.templates()) {
      const button = document.createElement('button');
      button.type = 'button';
      button.dataset['template'] = template.id;
      const [picture, name] = [document.createElement('canvas'), document.createElement('span')];
      picture.width = picture.height = THUMBNAIL;
      name.textContent = this.nameOf(template);
      button.append(picture, name);
      button.addEventListener('click', () => {
        this.host.change({ template: template.id });
        this.toggle('templates');
      });
      this.panel.append(button);
      waiting.push([template, picture]);
    }
    const next = (): void => {
      const one = waiting.shift();
      if (!one) {
        this.panel.dataset['painted'] = 'true';
        return;
      }
      this.host.thumbnail(...one);
      this.painting = requestAnimationFrame(next);
    };
    delete this.panel.dataset['painted'];
    this.painting = requestAnimationFrame(next);
    this.refresh();
  }

  private showCrop(): void {
    const language = this.host.language();
    SIDES.forEach((words, axis) => {
      words.forEach((word, end) => {
        const [label, slider] = [document.createElement('label'), document.createElement('input')];
        slider.type = 'range';
        [slider.min, slider.max, slider.step] = ['0', '1', '0.01'];
        slider.value = String(this.host.state().crop[axis as 0 | 1 | 2][end as 0 | 1]);
        slider.dataset['crop'] = `${axis}${end}`;
        slider.setAttribute('aria-label', say(word, language));
        slider.addEventListener('input', () => {
          const crop = this.host.state().crop.map((side) => [...side]) as unknown as [[number, number], [number, number], [number, number]];
          crop[axis as 0 | 1 | 2][end as 0 | 1] = Number(slider.value);
          this.host.change({ crop });
        });
        label.append(say(word, language), slider);
        this.panel.append(label);
      });
    });
  }
}
