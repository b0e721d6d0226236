/** What a cell shows: images in an order, as they were received (`Series`) or computed from them (`Reformat`). */
import type { Frame, SeriesHeader } from './frame';
import type { FramePixels } from './pixels';

export interface SeriesKey {
  study: string;
  series: string;
}

export type SourcePhase = 'waiting' | 'loading' | 'complete' | 'failed';

export type SourceEvent = { type: 'header' } | { type: 'frame'; index: number } | { type: 'phase' };

export interface ImageSource {
  readonly key: SeriesKey;
  /** Names this source among all made of the same series; empty for the series itself. */
  readonly variant: string;
  /** The received series it is, or is made of. */
  readonly base: ImageSource;
  readonly header: SeriesHeader | null;
  readonly phase: SourcePhase;
  readonly problem: unknown;
  /** Images received, of how many. */
  readonly loaded: number;
  readonly total: number;
  listen(listener: (event: SourceEvent) => void): () => void;
  /** @throws Error when there is no such image. */
  frame(index: number): Frame;
  /** The pixels, when they are here. */
  pixels(index: number): FramePixels | null;
  /** Whether an image came and cannot be decoded. */
  broken(index: number): boolean;
  /** The pixels as soon as they are here; rejects when they cannot come. */
  arrival(index: number): Promise<FramePixels>;
  /** Holds back what still comes until `ready`. */
  hold(ready: Promise<void>): void;
}
