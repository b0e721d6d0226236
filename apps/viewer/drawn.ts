/** The measurements of one viewer: those drawn on its images, and those that wait for their image; with undo and redo. */
import { eventTarget } from '@cornerstonejs/core';
import { annotation as annotations, Enums, type Types } from '@cornerstonejs/tools';
import { Calibrations } from './calibrations';
import type { Frame } from './frame';
import { History } from './history';
import { imageIdOf, sourceOf, sourcePrefix } from './loader';
import { addToImage, annotationsOf, fromAnnotation, hasExtent, isMeasurement, placeOn, removeAnnotation, type Measurement } from './measurements';
import { isMoved, makeOwn, markProposed, proposedOf, wordsBelow } from './proposed';
import type { ImageSource } from './source';

/** One step that can be undone is what lies between two rests of the hand. */
const REST = 250; // ms

const EVENTS = [Enums.Events.ANNOTATION_COMPLETED, Enums.Events.ANNOTATION_MODIFIED, Enums.Events.ANNOTATION_REMOVED];

/** What the measurements need of the viewer around them. */
export interface Around {
  readonly id: string;
  /** Series on the screen. */
  shown(): ImageSource[];
  render(): void;
  /** Whether the hand is on a measurement: half a drawing is no step. */
  busy(): boolean;
  /** Other mm hold on some images. */
  recalibrated(): void;
  /** The list changed; at most once a frame. */
  changed(list: Measurement[]): void;
  /** Who measures here. */
  author(): string;
  /** A proposal was drawn, became the reader's own, or went. */
  proposal(now: string | null): void;
}

export class Drawn {
  private pending: Measurement[] = [];
  /** What each annotation said last. */
  private readonly last = new Map<string, Measurement>();
  private readonly history = new History();
  private readonly calibrations = new Calibrations();
  private resting = 0;
  private frame = 0;

  constructor(private readonly around: Around) {
    for (const name of EVENTS) eventTarget.addEventListener(name, this.modified as EventListener);
  }

  list(): Measurement[] {
    const drawn: Measurement[] = [];
    let waiting = false;
    for (const one of annotationsOf(this.around.id)) {
      if (proposedOf(one)) continue;
      const id = one.annotationUID ?? '';
      const data = fromAnnotation(one);
      const before = this.last.get(id);
      // Its series was dropped for others, or came back with its images in other places: it waits for its own image.
      if (before && !before.plane && (!data || data.sop_uid !== before.sop_uid || data.frame !== before.frame)) {
        this.pending.push(before);
        removeAnnotation(id);
        waiting = true;
      } else if (data && (before || hasExtent(data))) { // after the first click there is nothing yet
        this.last.set(id, data);
        drawn.push(data);
      }
    }
    if (waiting) this.place();
    // One order, whether an image is on the screen or not: a list that only changed its order is no step to undo.
    const list = [...drawn, ...this.pending].sort((a, b) => a.created.localeCompare(b.created) || a.id.localeCompare(b.id));
    if (!this.calibrations.take(list)) return list;
    this.reword();
    this.around.recalibrated();
    return this.list(); // by the mm that hold now
  }

  /** A frame of a source, with what is calibrated for it. */
  calibrated(source: ImageSource, frame: Frame): Frame {
    return this.calibrations.apply(source, frame);
  }

  /** Replaces all; what was before cannot be brought back by undo. */
  set(list: Measurement[]): void {
    this.dropProposal();
    this.put(list);
    window.clearTimeout(this.resting);
    this.history.reset(this.list());
  }

  /** What others made, changed and removed; a drawing under way stays, and so do the steps made here. */
  merge(changed: readonly Measurement[], removed: readonly string[]): void {
    const list = changed.filter(isMeasurement).map((one) => structuredClone(one));
    const gone = new Set([...removed, ...changed.map((one) => one.id)]);
    for (const id of gone) this.erase(id);
    this.pending.push(...list);
    this.place();
    this.history.amend(list, gone);
    this.around.render();
    this.tell();
  }

  /** Draws a proposal instead of the one before, on an image that is shown; false when its image is not. */
  propose(measurement: Measurement): boolean {
    this.dropProposal();
    const { study, series: uid } = measurement;
    const series = this.around.shown().find((one) => one.key.study === study && one.key.series === uid && one.header);
    const found = series && isMeasurement(measurement) ? placeOn(measurement, series.header?.frames ?? []) : null;
    if (!series || !found) return false;
    const { frame, points } = found;
    const annotation = addToImage(measurement, imageIdOf(this.around.id, series, frame.index), frame, points, frame.frame_of_reference || uid);
    markProposed(annotation, frame);
    wordsBelow(annotation, frame, points);
    this.around.render();
    this.around.proposal(measurement.id);
    return true;
  }

  /** What is proposed is the reader's measurement now. */
  confirmProposal(): void {
    const annotation = this.proposed();
    if (!annotation) return;
    makeOwn(annotation, this.around.author());
    this.around.render();
    this.around.proposal(null);
    this.tell();
  }

  dropProposal(): void {
    const id = this.proposed()?.annotationUID;
    if (!id) return;
    removeAnnotation(id);
    this.around.render();
    this.around.proposal(null);
  }

  /** Images may have come, and others gone: a proposal stays on its own or goes. */
  private keepProposal(): void {
    const annotation = this.proposed();
    const frame = sourceOf(annotation?.metadata?.referencedImageId)?.frame;
    const of = annotation && proposedOf(annotation);
    if (of && (!frame || frame.sop_uid !== of.sop_uid || frame.frame !== of.frame)) this.dropProposal();
  }

  private proposed(): Types.Annotation | undefined {
    return annotationsOf(this.around.id).find(proposedOf);
  }

  undo(): void {
    this.note();
    const list = this.history.undo();
    if (list) this.put(list);
  }

  redo(): void {
    this.note();
    const list = this.history.redo();
    if (list) this.put(list);
  }

  remove(id: string): void {
    this.erase(id);
    this.around.render();
    this.tell();
  }

  /** Writes the reader's words on an annotation. */
  label(id: string, text: string): void {
    const annotation = annotationsOf(this.around.id).find((one) => one.annotationUID === id);
    if (!annotation) return;
    annotation.data.label = text;
    annotation.invalidated = true;
    this.around.render();
    this.tell();
  }

  private erase(id: string): void {
    this.pending = this.pending.filter((one) => one.id !== id);
    this.last.delete(id);
    removeAnnotation(id);
  }

  /** What waits for an image of a series on the screen is drawn. */
  private place(): void {
    for (const series of this.around.shown()) if (series.header) this.known(series);
  }

  /** The highlighted measurement of an image, else its newest one. */
  removeOn(imageId: string | null): void {
    const here = annotationsOf(this.around.id).filter((one) => one.metadata?.referencedImageId === imageId);
    const chosen = here.find((one) => one.highlighted) ?? here.at(-1);
    if (chosen && proposedOf(chosen)) this.dropProposal();
    else if (chosen?.annotationUID) this.remove(chosen.annotationUID);
  }

  /** No measurement is in the hand: all are drawn in their own colour. */
  calm(): void {
    for (const one of annotationsOf(this.around.id)) {
      one.highlighted = false;
      if (one.annotationUID && annotations.selection.isAnnotationSelected(one.annotationUID)) annotations.selection.setAnnotationSelected(one.annotationUID, false);
    }
  }

  /** The header of a series is here: what waited for it is drawn. */
  known(series: ImageSource): void {
    const frames = series.header?.frames ?? [];
    this.keepProposal();
    this.pending = this.pending.filter((one) => {
      if (one.study !== series.key.study || one.series !== series.key.series) return true;
      const found = placeOn(one, frames);
      if (!found) return true;
      const { frame, points } = found;
      this.last.set(one.id, one);
      addToImage(one, imageIdOf(this.around.id, series, frame.index), frame, points, frame.frame_of_reference || series.key.series);
      return false;
    });
    this.around.render();
  }

  /** The images of a computed source go: what is drawn on them waits until its plane is shown again. */
  leave(series: ImageSource): void {
    const prefix = sourcePrefix(this.around.id, series);
    for (const one of annotationsOf(this.around.id)) {
      if (!one.annotationUID || !one.metadata?.referencedImageId?.startsWith(prefix)) continue;
      const data = fromAnnotation(one);
      if (data) this.pending.push(data);
      removeAnnotation(one.annotationUID);
    }
  }

  /** The texts on the images are of another language, or of other mm. */
  reword(): void {
    for (const one of annotationsOf(this.around.id)) one.invalidated = true;
  }

  /** What a cancelled drawing left goes, unless it is a whole measurement. */
  drop(left: string[]): void {
    for (const id of left) if (!this.list().some((one) => one.id === id)) removeAnnotation(id);
  }

  dispose(): void {
    cancelAnimationFrame(this.frame);
    window.clearTimeout(this.resting);
    for (const name of EVENTS) eventTarget.removeEventListener(name, this.modified as EventListener);
    for (const one of annotationsOf(this.around.id)) if (one.annotationUID) annotations.state.removeAnnotation(one.annotationUID);
  }

  private put(list: Measurement[]): void {
    for (const one of annotationsOf(this.around.id)) if (one.annotationUID && !proposedOf(one)) removeAnnotation(one.annotationUID);
    this.pending = list.filter(isMeasurement).map((one) => structuredClone(one));
    this.last.clear();
    this.place();
    this.tell();
  }

  /** Remember what is drawn as one step that can be undone. */
  private note(): void {
    window.clearTimeout(this.resting);
    this.history.note(this.list());
  }

  private readonly modified = (event: CustomEvent<{ annotation?: Types.Annotation }>): void => {
    const { annotation } = event.detail;
    if (!annotation?.metadata?.referencedImageId?.startsWith(`px:${this.around.id}/`)) return;
    // The hand is on it: from the first move on it is the reader's.
    if (proposedOf(annotation) && isMoved(annotation)) this.confirmProposal();
    this.tell();
  };

  private tell(): void {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.around.changed(this.list());
      this.rest();
    });
  }

  private rest(): void {
    window.clearTimeout(this.resting);
    this.resting = window.setTimeout(() => (this.around.busy() ? this.rest() : this.note()), REST);
  }
}
