/** Makes a key image of a cell: waits until what was asked for is on the screen, then takes reference and picture of one moment. */
import type { Cell } from './cell';
import { keyImageOf, type KeyImage, type MadeKeyImage } from './keyimages';
import { encoded, pictureOf } from './picture';
import { say, type Language } from './words';

/** ms to wait for an image that is on its way. */
const PATIENCE = 3000;

export interface KeyImageParts {
  language(): Language;
  author(): string;
  cell(): Cell;
  rendered(cell: Cell): boolean;
  /** What plays stops, and what is half drawn goes: it is no measurement. */
  settle(): void;
  made(made: MadeKeyImage): void;
  failed(words: string): void;
}

const nextFrame = (): Promise<void> => new Promise((resolve) => requestAnimationFrame(() => resolve()));

export class KeyImageMaker {
  private busy = false;

  constructor(private readonly parts: KeyImageParts) {}

  async make(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    const { parts } = this;
    try {
      parts.settle();
      const cell = parts.cell();
      const { series } = cell;
      const until = performance.now() + PATIENCE;
      const still = (): boolean => cell.goal !== cell.index || cell.stage.classList.contains('px-hidden');
      while (series && still() && performance.now() < until) await nextFrame();
      // The image is in the view; it and what lies over it are drawn with the next frames.
      cell.render();
      cell.refresh();
      for (let frames = 0; frames < 3; frames += 1) await nextFrame();
      const image = cell.series === series && !still() ? keyImageOf(cell, parts.rendered(cell), parts.author()) : null;
      if (!image) return parts.failed(say('keyImageEarly', parts.language()));
      parts.made({ image, picture: await encoded(await pictureOf(cell.root, this.making(image))) });
    } catch {
      parts.failed(say('keyImageFailed', parts.language()));
    } finally {
      this.busy = false;
    }
  }

  private making({ made }: KeyImage): string {
    if (made === 'image') return '';
    return say(made === 'rendering' ? 'vr' : 'reformatted', this.parts.language());
  }
}
