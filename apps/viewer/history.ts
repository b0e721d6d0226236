/** Undo and redo of measurements: whole lists, because a list is small and a list is what is put back. */
import { allAlike } from './alike';
import type { Measurement } from './measurements';

const DEPTH = 100;

export class History {
  private past: Measurement[][] = [];
  private future: Measurement[][] = [];
  private now: Measurement[] = [];

  /** What is on the images now; the same drawings again are no step, though their values have been computed meanwhile. */
  note(list: Measurement[]): void {
    if (!allAlike(list, this.now)) {
      this.past = [...this.past, this.now].slice(-DEPTH);
      this.future = [];
    }
    this.now = structuredClone(list);
  }

  /** Begin anew, with what the page has put there. */
  reset(list: Measurement[]): void {
    this.past = [];
    this.future = [];
    this.now = structuredClone(list);
  }

  /** What others changed or removed is so in every step: undo takes back only what was done here. */
  amend(changed: readonly Measurement[], gone: ReadonlySet<string>): void {
    const ids = new Set([...gone, ...changed.map((one) => one.id)]);
    const amended = (list: Measurement[]): Measurement[] => [...list.filter((one) => !ids.has(one.id)), ...structuredClone(changed)];
    this.past = this.past.map(amended);
    this.future = this.future.map(amended);
    this.now = amended(this.now);
  }

  undo(): Measurement[] | null {
    return this.step(this.past, this.future);
  }

  redo(): Measurement[] | null {
    return this.step(this.future, this.past);
  }

  private step(from: Measurement[][], to: Measurement[][]): Measurement[] | null {
    const list = from.pop();
    if (list === undefined) return null;
    to.push(this.now);
    this.now = list;
    return structuredClone(list);
  }
}
