/** A volume rendering in the place of a cell's picture (V-32, V-33): turned, cropped, cut and seen through templates by hand. */
import type { Vector } from '../orientation';
import type { SolidReconstruction } from '../reconstruction';
import type { ImageSource } from '../source';
import { inputsOf, NotAVolume } from '../volume/computed';
import type { Removal } from '../volume/mask';
import { volumeOf, middleOf } from '../volume/volume';
import { say, warningText, type Language, type Word } from '../words';
import { Controls, type RenderingMode } from './controls';
import { validBox, WHOLE, type CropBox, type LassoCut } from './cutting';
import { eyeFrom, lettersAround, moved, rolled, toScreen, zoomed, type Eye, type EyeView } from './eye';
import { Marks } from './marks';
import { Painter } from './painter';
import { placeUnder } from './picking';
import { insideOf } from './inside';
import { NoWebgl, type Look } from './raycaster';
import { quantile, regularGrid, type RegularGrid } from './regular';
import { knotsOf, STRAIGHT, templatesFor, TEMPLATES, type Bend, type Template } from './templates';

/** Voxels of the longest side: while it moves, at rest on slow and on fast graphics. */
const COARSE = 96;
const FINE = 192;
const FINEST = 256;
/** A moving picture faster than this comes from real graphics, ms. */
const FAST = 12;
const DEPTH = 50;
/** Room around a volume at first. */
const MARGIN = 1.15;
/** Height of a volume against its width below which it is first seen from the feet. */
const THIN = 0.35;

export interface RenderingHost {
  language(): Language;
  modality(): string | null;
  place(): Vector | null;
  setPlace(at: Vector): void;
  /** What is taken for air. */
  removal(): Removal | null;
  changed(): void;
  close(): void;
}

export interface RenderingState {
  template: string;
  /** Ids of those that suit the series. */
  templates: string[];
  mode: RenderingMode;
  crop: CropBox;
  cuts: number;
  /** Voxels of the grid that is drawn at rest; null before there is any. */
  grid: [number, number, number] | null;
  /** The fine picture is whole. */
  rested: boolean;
  onward: [number, number, number];
  up: [number, number, number];
  bend: Bend;
}

export interface RenderingChange {
  template?: string;
  view?: EyeView;
  mode?: RenderingMode;
  crop?: CropBox;
  bend?: Bend;
  /** As one was seen before. */
  seen?: SolidReconstruction;
}

interface Step {
  crop: CropBox;
  cuts: readonly LassoCut[];
}

export class RenderingView {
  readonly root = document.createElement('div');
  private readonly controls: Controls;
  private readonly marks: Marks;
  private painter: Painter | null = null;
  private template: Template;
  private bend: Bend = STRAIGHT;
  private mode: RenderingMode = 'turn';
  private step: Step = { crop: WHOLE, cuts: [] };
  private past: Step[] = [];
  private eye: Eye = eyeFrom('A', [0, 0, 0], 1);
  private home: Eye = this.eye;
  private look: Look | null = null;
  /** From where it is to be seen, once there is something to see. */
  private wanted: SolidReconstruction | null = null;
  private range: [number, number] = [0, 1];
  private coarse: RegularGrid | null = null;
  private fine: RegularGrid | null = null;
  private readonly insides = new WeakMap<RegularGrid, RegularGrid>();
  private stopped = false;
  /** Counts the times the volume was taken: an earlier one comes too late. */
  private loads = 0;
  private stop: () => void = () => undefined;
  private last: readonly [number, number] | null = null;
  private outline: [number, number][] = [];
  private readonly sizes: ResizeObserver;

  constructor(
    /** The cell's root and its picture: the rendering lies over the picture and under what is written. */
    private readonly cell: { root: HTMLElement; stage: HTMLElement },
    readonly source: ImageSource,
    private readonly host: RenderingHost,
  ) {
    this.root.className = 'px-vr';
    this.template = templatesFor(host.modality())[0] as Template;
    cell.stage.after(this.root);
    cell.root.classList.add('px-solid');
    this.marks = new Marks(this.root);
    this.controls = new Controls(cell.root, {
      language: () => host.language(),
      templates: () => templatesFor(host.modality()),
      state: () => this.state(),
      change: (change) => this.change(change),
      thumbnail: (template, onto) => this.thumbnail(template, onto),
      undo: () => this.undo(),
      reset: () => this.reset(),
      close: () => host.close(),
    });
    try {
      this.painter = new Painter(
        () => ({ eye: this.eye, crop: this.step.crop, look: this.lookNow() }),
        () => this.told(),
      );
      this.root.prepend(this.painter.canvas);
      this.painter.context.addEventListener('webglcontextlost', this.lost);
    } catch (problem) {
      if (!(problem instanceof NoWebgl)) throw problem;
      this.marks.say(say('noWebgl', host.language()), say('noWebglHow', host.language()));
    }
    for (const [name, listener] of [['pointerdown', this.pressed], ['pointermove', this.dragged], ['pointerup', this.released], ['pointercancel', this.released]] as const) this.root.addEventListener(name, listener);
    this.root.addEventListener('wheel', this.wheel, { passive: false });
    this.root.addEventListener('contextmenu', (event) => event.preventDefault());
    this.sizes = new ResizeObserver(() => this.resized());
    this.sizes.observe(this.root);
    if (this.painter) this.begin();
  }

  get canvas(): HTMLCanvasElement | null {
    return this.painter?.canvas ?? null;
  }

  state(): RenderingState {
    const { eye, step } = this;
    return {
      template: this.template.id,
      templates: templatesFor(this.host.modality()).map(({ id }) => id),
      mode: this.mode,
      crop: step.crop,
      cuts: step.cuts.length,
      grid: this.fine ? [...this.fine.size] : null,
      rested: this.painter?.rested ?? false,
      onward: [eye.onward[0], eye.onward[1], eye.onward[2]],
      up: [eye.up[0], eye.up[1], eye.up[2]],
      bend: this.bend,
    };
  }

  /** How it is seen, as plain data; null before there is a picture. */
  seen(): SolidReconstruction | null {
    const { onward, up, centre, scale } = this.eye;
    const { crop } = this.step;
    return this.coarse && { made: 'rendering', onward, up, centre, height: scale * this.root.clientHeight, template: this.template.id, bend: this.bend, crop };
  }

  private seeAs(seen: SolidReconstruction): void {
    const { clientHeight } = this.root;
    this.wanted = this.coarse && clientHeight > 1 ? null : seen;
    if (this.wanted) return;
    const { onward, up, centre, height } = seen;
    this.eye = { onward, up, centre, scale: height / clientHeight };
    this.refresh();
  }

  change({ seen, ...own }: RenderingChange): void {
    const change = seen ? { template: seen.template, bend: seen.bend, crop: seen.crop, ...own } : own;
    const template = TEMPLATES.find(({ id }) => id === change.template);
    if (template) {
      const other = Boolean(template.inside) !== Boolean(this.template.inside);
      [this.template, this.bend, this.look] = [template, STRAIGHT, null];
      if (other) this.cut();
    }
    if (change.bend && Number.isFinite(change.bend.shift) && change.bend.stretch > 0) [this.bend, this.look] = [change.bend, null];
    if (change.view) this.eye = eyeFrom(change.view, this.eye.centre, this.eye.scale);
    if (change.mode) this.mode = change.mode;
    if (change.crop) this.record({ ...this.step, crop: validBox(change.crop) });
    if (seen) this.seeAs(seen);
    this.refresh();
  }

  undo(): boolean {
    const before = this.past.pop();
    if (!before) return false;
    this.apply(before);
    return true;
  }

  /** Whole, seen from the front, through the template as it is. */
  reset(): void {
    this.past = [];
    [this.eye, this.bend, this.look] = [this.home, STRAIGHT, null];
    this.apply({ crop: WHOLE, cuts: [] });
  }

  /** The 3D point is elsewhere. */
  refreshMarks(): void {
    this.mark();
  }

  refresh(): void {
    this.painter?.move();
    this.told();
    this.controls.refresh();
  }

  dispose(): void {
    this.stopped = true;
    this.stop();
    this.sizes.disconnect();
    this.painter?.context.removeEventListener('webglcontextlost', this.lost);
    this.painter?.dispose();
    this.controls.dispose();
    this.cell.root.classList.remove('px-solid');
    this.root.remove();
  }

  // ---- the volume -----------------------------------------------------------------------------------------------

  private begin(): void {
    const { source, host } = this;
    if (source.phase === 'complete') return void this.load();
    const told = (): void => {
      if (source.phase === 'failed') this.refuse('failed');
      else this.marks.say(say('loading', host.language()));
    };
    told();
    this.stop = source.listen(({ type }) => {
      if (source.phase !== 'complete') return void (type === 'phase' && told());
      this.stop();
      void this.load();
    });
  }

  private refuse(word: Word): void {
    this.marks.say(say('noRendering', this.host.language()), say(word, this.host.language()));
    this.controls.refresh();
  }

  /** What is taken out of the volume has changed: the same look at what is left. */
  masked(): void {
    if (this.coarse) void this.load();
  }

  private async load(): Promise<void> {
    const { source, host, painter } = this;
    const turn = (this.loads += 1);
    const removal = host.removal();
    if (!source.header || source.phase !== 'complete' || !painter) return this.refuse('failed');
    const volume = volumeOf(source.header.frames);
    if (typeof volume === 'string') return this.refuse(volume);
    const pixels = inputsOf(source, volume, removal);
    if (pixels.length < 3) return this.refuse(new NotAVolume('fewImages').refusal);
    this.marks.say(say('computing', host.language()));
    const stopped = (): boolean => this.stopped || turn !== this.loads;
    const coarse = await regularGrid(volume, pixels, COARSE, stopped);
    if (!coarse || stopped()) return;
    const again = this.coarse !== null;
    this.coarse = coarse;
    this.fine = null;
    this.marks.warn(removal?.marks.map((code) => warningText(code, host.language())) ?? []);
    this.range = [quantile(coarse, 0.01), quantile(coarse, 0.99)];
    // A few cuts are seen best as they were made.
    const thin = coarse.size[2] < THIN * Math.max(coarse.size[0], coarse.size[1]);
    if (!again) this.eye = this.home = eyeFrom(thin ? 'I' : 'A', middleOf(volume), 1);
    if (!again) this.eye = this.home = { ...this.home, scale: this.fitting(coarse, this.root.clientWidth, this.root.clientHeight) };
    painter.take(coarse, false);
    this.marks.say(null);
    this.resized();
    if (this.wanted) this.seeAs(this.wanted);
    painter.move();
    await new Promise((resolve) => setTimeout(resolve, 60));
    if (stopped()) return;
    const fine = await regularGrid(volume, pixels, painter.took !== null && painter.took < FAST ? FINEST : FINE, stopped);
    if (!fine || stopped()) return;
    this.fine = fine;
    this.cut();
    this.told();
  }

  /** mm for each pixel with which the first view of a grid fills so many pixels. */
  private fitting({ size, spacing }: RegularGrid, width: number, height: number): number {
    const upright = this.home.up[2] === 0 ? size[1] : size[2];
    return (MARGIN * spacing * Math.max(size[0] / Math.max(50, width), upright / Math.max(50, height)));
  }

  private lookNow(): Look {
    this.look ??= { knots: knotsOf(this.template, this.range, this.bend), projection: this.template.projection ?? false, edge: this.template.edge ?? 0 };
    return this.look;
  }

  private thumbnail(template: Template, onto: HTMLCanvasElement): void {
    if (!this.coarse) return;
    this.painter?.thumbnail(this.gridOf(this.coarse, template), { knots: knotsOf(template, this.range, STRAIGHT), projection: template.projection ?? false, edge: template.edge ?? 0 }, { ...this.home, scale: this.fitting(this.coarse, onto.width, onto.height) }, WHOLE, onto);
  }

  // ---- cutting --------------------------------------------------------------------------------------------------

  private record(step: Step): void {
    this.past = [...this.past, this.step].slice(-DEPTH);
    this.apply(step);
  }

  private apply(step: Step): void {
    const recut = step.cuts !== this.step.cuts;
    this.step = step;
    if (recut) this.cut();
    this.refresh();
  }

  private cut(): void {
    if (this.coarse) this.painter?.cut(this.step.cuts, this.gridOf(this.coarse), this.fine && this.gridOf(this.fine));
  }

  /** What a template is drawn from. */
  private gridOf(grid: RegularGrid, template = this.template): RegularGrid {
    if (!template.inside) return grid;
    const made = this.insides.get(grid) ?? insideOf(grid);
    this.insides.set(grid, made);
    return made;
  }

  // ---- the hand -------------------------------------------------------------------------------------------------

  /** CSS pixels from the middle of the picture. */
  private at(event: MouseEvent): [number, number] {
    const box = this.root.getBoundingClientRect();
    return [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
  }

  private readonly pressed = (event: PointerEvent): void => {
    if (!this.coarse) return;
    this.root.setPointerCapture(event.pointerId);
    this.last = this.at(event);
    if (event.button !== 0) return;
    if (this.mode === 'point') this.pick(this.last);
    else if (this.mode === 'cut-inside' || this.mode === 'cut-outside') this.outline = [[...this.last]];
  };

  private readonly dragged = (event: PointerEvent): void => {
    if (!this.last || !this.coarse) return;
    const now = this.at(event);
    const [dx, dy] = [now[0] - this.last[0], now[1] - this.last[1]];
    this.last = now;
    if (event.buttons & 4) this.eye = moved(this.eye, dx, dy);
    else if (event.buttons & 2) this.eye = zoomed(this.eye, Math.exp(-dy / 150));
    else if (!(event.buttons & 1)) return;
    else if (this.mode === 'turn') this.eye = rolled(this.eye, dx, dy);
    else if (this.mode === 'pan') this.eye = moved(this.eye, dx, dy);
    else if (this.mode === 'window') [this.bend, this.look] = [{ shift: this.bend.shift + dy / 200, stretch: Math.min(5, Math.max(0.1, this.bend.stretch * Math.exp(dx / 200))) }, null];
    else if (this.mode === 'point') return this.pick(now);
    else {
      this.outline.push([now[0], now[1]]);
      this.marks.lasso(this.outline);
      return;
    }
    this.refresh();
  };

  private readonly released = (): void => {
    this.last = null;
    const { outline, mode } = this;
    this.outline = [];
    this.marks.lasso([]);
    if (outline.length < 3 || (mode !== 'cut-inside' && mode !== 'cut-outside')) return;
    this.record({ ...this.step, cuts: [...this.step.cuts, { eye: this.eye, outline, take: mode === 'cut-inside' ? 'inside' : 'outside' }] });
  };

  private readonly wheel = (event: WheelEvent): void => {
    event.preventDefault();
    event.stopPropagation();
    if (event.deltaY === 0 || !this.coarse) return;
    this.eye = zoomed(this.eye, event.deltaY < 0 ? 1.1 : 1 / 1.1);
    this.refresh();
  };

  private pick(at: readonly [number, number]): void {
    const grid = this.painter?.grid;
    const look = this.lookNow();
    const place = grid && placeUnder(grid, look.knots, this.step.crop, this.eye, at, look.projection);
    if (place) this.host.setPlace(place);
  }

  private readonly lost = (event: Event): void => {
    event.preventDefault();
    this.marks.say(say('renderingLost', this.host.language()), say('renderingLostHow', this.host.language()));
  };

  private resized(): void {
    const { clientWidth, clientHeight } = this.root;
    if (clientWidth > 1 && clientHeight > 1) this.painter?.resize(clientWidth, clientHeight);
    this.told();
  }

  /** What lies over the picture, and what the page is told. */
  private told(): void {
    this.mark();
    this.host.changed();
  }

  private mark(): void {
    const { root, eye } = this;
    this.marks.name(say('vr', this.host.language()));
    const place = this.host.place();
    const [x, y] = place ? toScreen(eye, place) : [0, 0];
    this.marks.point(place && this.coarse ? [x + root.clientWidth / 2, y + root.clientHeight / 2] : null);
    this.marks.letters(this.coarse ? lettersAround(eye) : null);
  }

  /** Where a place of the patient is in the browser window, CSS pixels. */
  screenOf(place: Vector): { x: number; y: number } {
    const box = this.root.getBoundingClientRect();
    const [x, y] = toScreen(this.eye, place);
    return { x: box.left + box.width / 2 + x, y: box.top + box.height / 2 + y };
  }
}
