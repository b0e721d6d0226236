/** What a page hears of a viewer: events at once, the state at most once a frame. */
import type { ViewerEvents, ViewerState } from './api';

export class Telling {
  private readonly handlers = new Map<keyof ViewerEvents, Set<(value: never) => void>>();
  private frame = 0;
  private ended = false;

  constructor(
    private readonly state: () => ViewerState,
    private readonly onState: ((state: ViewerState) => void) | undefined,
  ) {}

  on<E extends keyof ViewerEvents>(event: E, handler: (value: ViewerEvents[E]) => void): () => void {
    const handlers = this.handlers.get(event) ?? new Set();
    this.handlers.set(event, handlers);
    handlers.add(handler as (value: never) => void);
    return () => handlers.delete(handler as (value: never) => void);
  }

  emit<E extends keyof ViewerEvents>(event: E, value: ViewerEvents[E]): void {
    for (const handler of [...(this.handlers.get(event) ?? [])]) (handler as (value: ViewerEvents[E]) => void)(value);
  }

  /** The state changed. */
  changed(): void {
    if (this.frame || this.ended) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (this.ended) return;
      const state = this.state();
      this.onState?.(state);
      this.emit('state', state);
    });
  }

  /** No state is told any more; events of what ends are, until `forget`. */
  end(): void {
    this.ended = true;
    cancelAnimationFrame(this.frame);
  }

  forget(): void {
    this.handlers.clear();
  }
}
