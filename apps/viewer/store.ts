/**
 * The page's one store of series: what has arrived, what is arriving, and when it is dropped.
 *
 * Viewers *own* series (they showed or prefetched them). A series nobody owns is dropped at once. Owned ones stay while their study is
 * one of the last two that were shown (the case and what it is compared with), and what was prefetched since; of studies before these
 * only a little stays, the least recently used first out. Pixels are shared between viewers of a page.
 */
import { frameBytes, type Frame, type SeriesHeader } from './frame';
import { takeLuts } from './lut';
import { modalityValues, type FramePixels } from './pixels';
import type { ImageSource, SeriesKey, SourceEvent, SourcePhase } from './source';
import { away, readStream, ServiceProblem, StreamError } from './stream';

/** A broken connection is tried again after these milliseconds. */
const RETRY_AFTER = [300, 1500];
/** What is on the screen is asked for again after these, while the service is away. */
const AWAY_AFTER = 5000;

/** One series: header, frames as they come, and whoever waits for them. */
export class Series implements ImageSource {
  readonly variant = '';
  readonly base = this;
  header: SeriesHeader | null = null;
  readonly frames: (FramePixels | 'undecodable' | undefined)[] = [];
  phase: SourcePhase = 'waiting';
  problem: unknown = null;
  bytes = 0;
  loaded = 0;
  /** Turns of the store's clock at which it was last shown, and last shown or prefetched. */
  shownAt = 0;
  touchedAt = 0;
  readonly owners = new Set<string>();
  private readonly listeners = new Set<(event: SourceEvent) => void>();
  private abort: AbortController | null = null;
  private held: Promise<void> | null = null;

  constructor(
    readonly key: SeriesKey,
    private readonly url: string,
  ) {}

  listen(listener: (event: SourceEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  frame(index: number): Frame {
    const frame = this.header?.frames[index];
    if (!frame) throw new Error(`series has no frame ${index}`);
    return frame;
  }

  get total(): number {
    return this.header?.frames.length ?? 0;
  }

  broken(index: number): boolean {
    return this.frames[index] === 'undecodable';
  }

  pixels(index: number): FramePixels | null {
    const pixels = this.frames[index];
    return pixels === undefined || pixels === 'undecodable' ? null : pixels;
  }

  /** Pixels of a frame as soon as they are here; rejects when the stream ends without them. */
  arrival(index: number): Promise<FramePixels> {
    return new Promise((resolve, reject) => {
      const settle = (): boolean => {
        const pixels = this.frames[index];
        if (pixels === 'undecodable') reject(new StreamError(`frame ${index} cannot be decoded`));
        else if (pixels) resolve(pixels);
        else if (this.phase === 'failed' || this.phase === 'complete') reject(this.problem ?? new StreamError(`frame ${index} did not arrive`));
        else return false;
        return true;
      };
      if (settle()) return;
      const stop = this.listen(() => {
        if (settle()) stop();
      });
    });
  }

  /** Holds the stream back until `ready`: the processor belongs to the first picture, the others wait these milliseconds. */
  hold(ready: Promise<void>): void {
    const held = ready.finally(() => {
      if (this.held === held) this.held = null;
    });
    this.held = held;
  }

  /** Starts (or, after a failure, starts again) the stream; frames already here are kept. */
  async load(gate: () => Promise<void> | null): Promise<void> {
    if (this.phase === 'loading' || this.phase === 'complete') return;
    this.phase = 'loading';
    this.problem = null;
    this.tell({ type: 'phase' });
    const abort = new AbortController();
    this.abort = abort;
    const sink = { header: (header: SeriesHeader): void => this.takeHeader(header), frame: (index: number, buffer: ArrayBuffer): void => this.takeFrame(index, buffer) };
    for (const delay of [...RETRY_AFTER, null]) {
      try {
        await readStream(this.url, sink, { signal: abort.signal, gate: () => this.held ?? gate() });
        this.phase = 'complete';
        break;
      } catch (problem) {
        // Only a lost connection is worth another try: what the service refuses or garbles stays so.
        if (delay !== null && !abort.signal.aborted && problem instanceof TypeError) {
          await new Promise((resolve) => setTimeout(resolve, delay));
          continue;
        }
        this.phase = 'failed';
        this.problem = problem;
        break;
      }
    }
    this.tell({ type: 'phase' });
  }

  drop(): void {
    this.abort?.abort();
    this.frames.length = 0;
    this.bytes = 0;
    this.loaded = 0;
    this.listeners.clear();
  }

  private takeHeader(header: SeriesHeader): void {
    if (this.header !== null && this.header.frames.length !== header.frames.length) {
      // Images were added since the first try: indexes moved, so nothing of before may be shown under them.
      this.frames.length = 0;
      this.bytes = 0;
      this.loaded = 0;
    }
    // The node says it for the series: where a calibrated region reached beyond its picture, no mm of it are certain.
    if (header.warnings.includes('region_outside')) {
      for (const frame of header.frames) frame.outside = frame.spacing_kind === 'region';
    }
    takeLuts(header);
    this.header = header;
    this.tell({ type: 'header' });
  }

  private takeFrame(index: number, buffer: ArrayBuffer): void {
    if (this.frames[index] !== undefined) return;
    const frame = this.frame(index);
    if (buffer.byteLength === 0 && frameBytes(frame) !== 0) this.frames[index] = 'undecodable';
    else {
      const pixels = modalityValues(frame, buffer);
      this.frames[index] = pixels;
      this.bytes += pixels.values.byteLength;
    }
    this.loaded += 1;
    this.tell({ type: 'frame', index });
  }

  private tell(event: SourceEvent): void {
    for (const listener of [...this.listeners]) listener(event);
  }
}

/** All series of the page. */
export class SeriesStore {
  private readonly series = new Map<string, Series>();
  private readonly inFront = new Set<Series>();
  private waiting: (() => void)[] = [];
  private readonly queue: Series[] = [];
  private prefetching = false;
  private clock = 0;
  /** The studies shown last, the newest first, and when each of the last two came to be shown. */
  private recent: string[] = [];
  private entered: [number, number] = [0, 0];

  /** Bytes that may be kept at all, and of studies that were left. */
  constructor(
    public budget = 1.5e9,
    public left = 128e6,
  ) {}

  get size(): number {
    return this.series.size;
  }

  get bytes(): number {
    let sum = 0;
    for (const one of this.series.values()) sum += one.bytes;
    return sum;
  }

  /** Takes a series for showing: it loads now, and prefetches wait until it is done. */
  show(base: string, key: SeriesKey, owner: string): Series {
    const one = this.take(base, key, owner);
    one.shownAt = one.touchedAt = this.clock += 1;
    this.entering(key.study);
    if (one.phase !== 'complete') this.front(one);
    this.shrink();
    return one;
  }

  private front(one: Series): void {
    this.inFront.add(one);
    const stop = one.listen(() => {
      if (one.phase !== 'complete' && one.phase !== 'failed') return;
      stop();
      this.done(one);
      if (one.phase === 'failed' && away(one.problem)) setTimeout(() => this.again(one), AWAY_AFTER);
    });
    // A prefetch already under way is simply let through: its gate opens for series in front.
    this.wake();
    void one.load(() => this.gate(one));
  }

  /** Unless the reader went elsewhere, or asked again himself. */
  private again(one: Series): void {
    if (one.phase === 'failed' && this.inUse(one)) this.front(one);
  }

  /** Loads in the background, one after the other. */
  prefetch(base: string, key: SeriesKey, owner: string): Series {
    const one = this.take(base, key, owner);
    one.touchedAt = this.clock;
    if (one.phase === 'waiting') this.queue.push(one);
    void this.runQueue();
    return one;
  }

  /** The owner no longer needs anything of this page. */
  release(owner: string): void {
    for (const [id, one] of this.series) {
      if (one.owners.delete(owner) && one.owners.size === 0) this.remove(id, one);
    }
  }

  /** Called with each series that is dropped, so that caches built on it can be emptied too. */
  onDrop: (series: Series) => void = () => undefined;

  private take(base: string, key: SeriesKey, owner: string): Series {
    const id = `${base}|${key.study}|${key.series}`;
    let one = this.series.get(id);
    if (!one) {
      const url = `${base}/series/${encodeURIComponent(key.study)}/${encodeURIComponent(key.series)}/stream`;
      one = new Series(key, url);
      this.series.set(id, one);
    }
    one.owners.add(owner);
    return one;
  }

  private gate(one: Series): Promise<void> | null {
    if (this.inFront.size === 0 || this.inFront.has(one)) return null;
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private done(one: Series): void {
    this.inFront.delete(one);
    this.wake();
    this.shrink();
  }

  private wake(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }

  private async runQueue(): Promise<void> {
    if (this.prefetching) return;
    this.prefetching = true;
    for (let next = this.queue.shift(); next; next = this.queue.shift()) {
      const one = next;
      if (one.owners.size === 0 || one.phase !== 'waiting') continue;
      await this.gate(one);
      await one.load(() => this.gate(one));
      this.shrink();
    }
    this.prefetching = false;
  }

  private entering(study: string): void {
    if (!this.recent.includes(study)) this.entered = [this.clock, this.entered[0]];
    this.recent = [study, ...this.recent.filter((one) => one !== study)].slice(0, 2);
  }

  /** Drops the least recently used series of studies that were left, then of all; never one that is on the screen or was shown last. */
  private shrink(): void {
    const loose = [...this.series].filter(([, one]) => !this.inFront.has(one) && one.shownAt !== this.clock && one.phase !== 'loading' && !this.inUse(one));
    loose.sort(([, a], [, b]) => a.touchedAt - b.touchedAt);
    const past = loose.filter(([, one]) => this.isLeft(one));
    let kept = past.reduce((sum, [, one]) => sum + one.bytes, 0);
    for (const [id, one] of past) {
      if (kept <= this.left) break;
      kept -= one.bytes;
      this.remove(id, one);
    }
    for (const [id, one] of loose) {
      if (this.bytes <= this.budget) return;
      if (this.series.has(id)) this.remove(id, one);
    }
  }

  /** Whether its study was left. What was only prefetched may still be meant for the next case, until two more studies have come. */
  private isLeft(one: Series): boolean {
    return !this.recent.includes(one.key.study) && one.touchedAt < (one.shownAt > 0 ? this.entered[0] : this.entered[1]);
  }

  /** Set by the viewers: a series in a cell is never dropped. */
  inUse: (series: Series) => boolean = () => false;

  private remove(id: string, one: Series): void {
    this.series.delete(id);
    this.inFront.delete(one);
    one.drop();
    this.onDrop(one);
    this.wake();
  }
}

export { ServiceProblem, StreamError };
