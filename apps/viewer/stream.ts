/**
 * Reader of `application/x-series-stream` (docs/interfaces.md, §5):
 * `[u32 length][header JSON]` then `[u32 index][u32 length][pixel bytes]` for each frame, all little endian.
 */
import { frameBytes, type SeriesHeader } from './frame';

export interface StreamSink {
  header(header: SeriesHeader): void;
  /** `pixels` is owned by the receiver. A frame the node could not decode comes with 0 bytes. */
  frame(index: number, pixels: ArrayBuffer): void;
}

/** A stream that is not what it says; the frames already given stay valid. */
export class StreamError extends Error {}

/** The connection ended before the series did. */
export class EndedEarly extends StreamError {}

/** The service refused or failed: its own words (RFC 9457) when it gave some. */
export class ServiceProblem extends Error {
  constructor(
    readonly status: number,
    readonly words: Record<string, { title?: string; action?: string }> | null,
    detail: string,
  ) {
    super(detail);
  }
}

/** Whether a service that did not answer may do so later; a refusal stays one. */
export function away(problem: unknown): boolean {
  return problem instanceof TypeError || problem instanceof EndedEarly || (problem instanceof ServiceProblem && [502, 503, 504].includes(problem.status));
}

const HEADER_LIMIT = 256 * 1024 * 1024;

type Part = { kind: 'length' } | { kind: 'header' } | { kind: 'head' } | { kind: 'pixels'; index: number };

/** Takes chunks as they come, of any size; each pixel byte is copied once, into its own frame's buffer. */
export class StreamParser {
  private part: Part = { kind: 'length' };
  private target = new Uint8Array(4);
  private filled = 0;
  private header: SeriesHeader | null = null;

  constructor(private readonly sink: StreamSink) {}

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length || this.filled === this.target.length) {
      const take = Math.min(chunk.length - at, this.target.length - this.filled);
      this.target.set(chunk.subarray(at, at + take), this.filled);
      this.filled += take;
      at += take;
      if (this.filled < this.target.length) return;
      this.complete();
      if (at >= chunk.length && this.filled < this.target.length) return;
    }
  }

  /** Call at the end of the response: a cut in the middle of something is an error. */
  end(): void {
    if (this.header === null || this.part.kind !== 'head' || this.filled !== 0) throw new EndedEarly('the series stream ended early');
  }

  private expect(part: Part, bytes: number): void {
    this.part = part;
    this.target = new Uint8Array(bytes);
    this.filled = 0;
  }

  private complete(): void {
    const view = new DataView(this.target.buffer);
    switch (this.part.kind) {
      case 'length': {
        const length = view.getUint32(0, true);
        if (length === 0 || length > HEADER_LIMIT) throw new StreamError(`the series header claims ${length} bytes`);
        this.expect({ kind: 'header' }, length);
        break;
      }
      case 'header': {
        this.header = JSON.parse(new TextDecoder().decode(this.target)) as SeriesHeader;
        if (!Array.isArray(this.header.frames)) throw new StreamError('the series header has no frames');
        this.expect({ kind: 'head' }, 8);
        this.sink.header(this.header);
        break;
      }
      case 'head': {
        const index = view.getUint32(0, true);
        const length = view.getUint32(4, true);
        const frame = this.header?.frames[index];
        if (frame === undefined) throw new StreamError(`the stream names frame ${index} that the header does not have`);
        if (length !== 0 && length !== frameBytes(frame)) {
          throw new StreamError(`frame ${index} has ${length} bytes, its header says ${frameBytes(frame)}`);
        }
        this.expect({ kind: 'pixels', index }, length);
        break;
      }
      case 'pixels': {
        const { index } = this.part;
        const pixels = this.target.buffer as ArrayBuffer;
        this.expect({ kind: 'head' }, 8);
        this.sink.frame(index, pixels);
        break;
      }
    }
  }
}

export interface ReadOptions {
  signal: AbortSignal;
  /** Awaited before each read; a prefetch waits here while something is being shown (the sender is held back by TCP). */
  gate?: () => Promise<void> | null;
}

async function problem(response: Response): Promise<ServiceProblem> {
  try {
    const body = (await response.json()) as { title?: string; detail?: string; words?: Record<string, { title?: string; action?: string }> };
    return new ServiceProblem(response.status, body.words ?? null, body.detail ?? body.title ?? response.statusText);
  } catch {
    return new ServiceProblem(response.status, null, response.statusText);
  }
}

/** Fetches a series and feeds the sink until its end. Throws `ServiceProblem`, `StreamError`, or the network's own error. */
export async function readStream(url: string, sink: StreamSink, options: ReadOptions): Promise<void> {
  const response = await fetch(url, {
    credentials: 'same-origin',
    signal: options.signal,
    headers: { Accept: 'application/x-series-stream' },
  });
  if (!response.ok || response.body === null) throw await problem(response);
  const parser = new StreamParser(sink);
  const reader = response.body.getReader();
  try {
    for (;;) {
      const wait = options.gate?.();
      if (wait) await wait;
      const { done, value } = await reader.read();
      if (done) break;
      parser.push(value);
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
  parser.end();
}
