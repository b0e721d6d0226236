/** Measurements, proposals and key images; a curve that is being drawn is the first to be ended and taken back. */
import type { KeyImage } from '../keyimages';
import { finishDrawing, isDrawing } from '../engine';
import type { Measurement } from '../measurements';
import type { Workings } from '../workings';

export class Marking {
  constructor(private readonly inside: Workings) {}

  measurements(): Measurement[] {
    return this.inside.drawn.list();
  }

  setMeasurements(list: Measurement[]): void {
    this.inside.stopDrawing();
    this.inside.drawn.set(list);
  }

  mergeMeasurements(changed: Measurement[], removed: string[]): void {
    this.inside.drawn.merge(changed, removed);
  }

  removeMeasurement(id: string): void {
    this.inside.drawn.remove(id);
  }

  removeHere(): void {
    const { curveInHand, drawn, cell } = this.inside;
    if (!curveInHand?.remove()) drawn.removeOn(cell.imageId);
  }

  undo(): void {
    const { inside } = this;
    inside.stopDrawing();
    if (inside.solid.undo(inside.cell) || inside.curveInHand?.undo()) return;
    inside.drawn.undo();
  }

  redo(): void {
    const { inside } = this;
    inside.stopDrawing();
    if (!inside.curveInHand?.redo()) inside.drawn.redo();
  }

  cancel(): boolean {
    const { inside } = this;
    const busy = isDrawing(inside.group);
    inside.stopDrawing();
    const { curveInHand: curve } = inside;
    return busy || (curve !== null && !curve.finished && curve.remove());
  }

  finish(): boolean {
    const { group, cells, curveInHand } = this.inside;
    for (const cell of cells) cell.pointer.settleClick();
    const drawing = isDrawing(group);
    finishDrawing(group, cells.map((cell) => cell.stage));
    return drawing || (curveInHand?.finish() ?? false);
  }

  propose(measurement: Measurement): boolean {
    this.inside.stopDrawing();
    return this.inside.drawn.propose(measurement);
  }

  confirmProposal(): void {
    this.inside.drawn.confirmProposal();
  }

  dropProposal(): void {
    this.inside.drawn.dropProposal();
  }

  keyImages(): KeyImage[] {
    return [...this.inside.keyImages];
  }

  setKeyImages(list: Partial<KeyImage>[]): void {
    this.inside.setKeyImages(list);
  }

  keepKeyImage(): void {
    void this.inside.keyMaker.make();
  }
}
