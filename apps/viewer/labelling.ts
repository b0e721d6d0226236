/**
 * What the reader writes on an image: words of an annotation (C-6), mm of a calibration (V-17). Asked for when it is drawn, and again by a
 * double click on it.
 */
import { getEnabledElement, type Types as CoreTypes } from '@cornerstonejs/core';
import type { Types } from '@cornerstonejs/tools';
import type { Dialog, Question } from './dialog';
import { calibrationQuestion } from './calibrating';
import { placeOf } from './geometry';
import { sourceOf } from './loader';
import { isNote, isWritten, type MeasurementKind } from './measure/kinds';
import { annotationsOf, kindOf, LONGEST_TEXT } from './measurements';
import { DRAWN, type DrawnEvent } from './tools/path';
import { say, type Language } from './words';

/** What the labelling needs of the viewer around it. */
export interface LabelHost {
  readonly id: string;
  language(): Language;
  /** Whether the hand is on a drawing. */
  busy(): boolean;
  label(id: string, text: string): void;
  remove(id: string): void;
}

const takesText = (kind: MeasurementKind): boolean => isNote(kind) || isWritten(kind);

export class Labelling {
  private disposed = false;

  constructor(
    private readonly root: HTMLElement,
    private readonly dialog: Dialog,
    private readonly host: LabelHost,
  ) {
    root.addEventListener(DRAWN, this.drawn as EventListener);
    root.addEventListener('dblclick', this.doubleClicked);
  }

  dispose(): void {
    this.disposed = true;
    this.root.removeEventListener(DRAWN, this.drawn as EventListener);
    this.root.removeEventListener('dblclick', this.doubleClicked);
  }

  private readonly drawn = (event: DrawnEvent): void => {
    const { id, kind } = event.detail;
    if (takesText(kind)) void this.ask(id, event.target as HTMLDivElement);
  };

  private readonly doubleClicked = (event: MouseEvent): void => {
    const stage = (event.target as Element).closest<HTMLDivElement>('.px-stage');
    if (!stage || this.host.busy()) return;
    const imageId = viewportOf(stage)?.getCurrentImageId();
    const chosen = annotationsOf(this.host.id).find((one) => one.highlighted && one.metadata?.referencedImageId === imageId);
    const kind = chosen && kindOf(chosen);
    if (chosen?.annotationUID && kind && takesText(kind)) void this.ask(chosen.annotationUID, stage);
  };

  private words(needed: boolean, value: string): Question {
    const language = this.host.language();
    return {
      title: say('annotationText', language),
      hint: say('annotationHint', language),
      value,
      lines: true,
      longest: LONGEST_TEXT,
      check: (text) => (needed && text === '' ? say('textMissing', language) : null),
    };
  }

  private calibration(annotation: Types.Annotation, before: string): Question {
    const source = sourceOf(annotation.metadata?.referencedImageId);
    if (!source) return { title: '', told: true };
    const points = (annotation.data.handles?.points ?? []).map((point) => placeOf(source.frame, point));
    const question = calibrationQuestion(source, points, before);
    return typeof question === 'string' ? { title: question, told: true } : question;
  }

  private find(id: string): Types.Annotation | undefined {
    return annotationsOf(this.host.id).find((one) => one.annotationUID === id);
  }

  private async ask(id: string, stage: HTMLDivElement): Promise<void> {
    const annotation = this.find(id);
    const viewport = viewportOf(stage);
    const place = annotation?.data.handles?.points?.at(-1);
    if (!annotation || !viewport || !place) return;
    const language = this.host.language();
    const before = annotation.data.label ?? '';
    const kind = kindOf(annotation);
    const needed = kind !== undefined && isWritten(kind);
    const [x, y] = viewport.worldToCanvas(place);
    const [inner, outer] = [stage.getBoundingClientRect(), this.root.getBoundingClientRect()];
    const question = kind === 'calibration' ? this.calibration(annotation, before) : this.words(needed, before);
    const answer = await this.dialog.ask(question, [inner.left - outer.left + x, inner.top - outer.top + y], language);
    if (this.disposed) return;
    if (answer !== null && answer !== before) this.host.label(id, answer);
    // A text nobody wrote is nothing.
    else if (needed && before === '' && answer === null) this.host.remove(id);
  }
}

function viewportOf(stage: HTMLDivElement): CoreTypes.IStackViewport | undefined {
  return getEnabledElement(stage)?.viewport as CoreTypes.IStackViewport | undefined;
}
