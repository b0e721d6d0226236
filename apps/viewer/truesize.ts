/** True size on request (V-17): measures the screen when its pixels are not known, then zooms the active view. */
import type { Dialog } from './dialog';
import { keepScreen, knownScreen } from './screen';
import { ScreenDialog } from './screendialog';
import { say, type Language } from './words';

/** What it needs of the viewer around it. */
export interface SizeHost {
  language(): Language;
  /** Zooms the active view; false where its image has no mm. */
  zoom(mmPerPixel: number): boolean;
}

export class TrueSize {
  private readonly screen: ScreenDialog;

  constructor(
    root: HTMLElement,
    private readonly dialog: Dialog,
    private readonly host: SizeHost,
  ) {
    this.screen = new ScreenDialog(root);
  }

  /** `measure`: the screen anew, though it is known. */
  async show(measure: boolean): Promise<void> {
    const language = this.host.language();
    const known = measure ? null : knownScreen();
    const mmPerPixel = known?.mmPerPixel ?? (await this.screen.ask(language));
    if (mmPerPixel === null) return;
    if (!known) keepScreen(mmPerPixel);
    if (!this.host.zoom(mmPerPixel)) await this.dialog.ask({ title: say('noTrueSize', language), told: true }, [0, 0], language);
  }

  cancel(): void {
    this.screen.cancel();
  }
}
