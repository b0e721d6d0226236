/** Undo and redo of measurements: whole lists as text, because a list is small and a list is what is put back. */
import type { Measurement } from './measurements';

const DEPTH = 100;

export class History {
  private past: string[] = [];
  private future: string[] = [];
  private now = '[]';

  /** What is on the images now; the same again changes nothing. */
  note(list: Measurement[]): void {
    const text = JSON.stringify(list);
    if (text === this.now) return;
    this.past = [...this.past, this.now].slice(-DEPTH);
    this.future = [];
    this.now = text;
  }

  /** Begin anew, with what the page has put there. */
  reset(list: Measurement[]): void {
    this.past = [];
    this.future = [];
    this.now = JSON.stringify(list);
  }

  undo(): Measurement[] | null {
    return this.step(this.past, this.future);
  }

  redo(): Measurement[] | null {
    return this.step(this.future, this.past);
  }

  private step(from: string[], to: string[]): Measurement[] | null {
    const text = from.pop();
    if (text === undefined) return null;
    to.push(this.now);
    this.now = text;
    return JSON.parse(text) as Measurement[];
  }
}
