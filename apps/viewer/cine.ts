/** Playing a series (V-23): the chosen frames per second, forwards, backwards, or to and fro. */
export const CINE_MODES = ['forward', 'backward', 'bounce'] as const;
export type CineMode = (typeof CINE_MODES)[number];

export interface CineSetting {
  /** Images per second, 1 … 60. */
  fps: number;
  mode: CineMode;
}

export const FASTEST = 60;

/** The image after one, and whether the direction turns. */
export function nextImage(at: number, count: number, direction: 1 | -1, mode: CineMode): { at: number; direction: 1 | -1 } {
  if (count < 2) return { at, direction };
  const next = at + direction;
  if (next >= 0 && next < count) return { at: next, direction };
  if (mode !== 'bounce') return { at: direction > 0 ? 0 : count - 1, direction };
  const back = direction > 0 ? -1 : 1;
  return { at: at + back, direction: back };
}

/** What is played. */
export interface Playing {
  count(): number;
  index(): number;
  /** Whether an image is here; one that is not is waited for, not skipped. */
  ready(index: number): boolean;
  show(index: number): void;
}

export class Cine {
  setting: CineSetting | null = null;
  private direction: 1 | -1 = 1;
  private frame = 0;
  private due = 0;

  constructor(
    private readonly target: () => Playing,
    private readonly changed: () => void,
  ) {}

  play(setting: CineSetting): void {
    this.stop();
    this.setting = { mode: setting.mode, fps: Math.min(FASTEST, Math.max(1, setting.fps)) };
    this.direction = setting.mode === 'backward' ? -1 : 1;
    this.due = performance.now() + 1000 / this.setting.fps;
    this.frame = requestAnimationFrame(this.tick);
    this.changed();
  }

  stop(): void {
    cancelAnimationFrame(this.frame);
    if (!this.setting) return;
    this.setting = null;
    this.changed();
  }

  private readonly tick = (now: number): void => {
    if (!this.setting) return;
    this.frame = requestAnimationFrame(this.tick);
    const target = this.target();
    if (now < this.due || target.count() < 2) return;
    const step = 1000 / this.setting.fps;
    // As many images as are due: a slow screen leaves some out and keeps the speed; after a pause of the page it goes on from here.
    const behind = now - this.due;
    const steps = behind > 1000 ? 1 : Math.floor(behind / step) + 1;
    this.due = behind > 1000 ? now + step : this.due + steps * step;
    let at = target.index();
    let { direction } = this;
    for (let k = 0; k < steps; k += 1) {
      const next = nextImage(at, target.count(), direction, this.setting.mode);
      if (!target.ready(next.at)) break;
      ({ at, direction } = next);
    }
    this.direction = direction;
    if (at !== target.index()) target.show(at);
  };
}
