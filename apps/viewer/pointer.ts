/** The mouse over one cell: what it points at, the magnifier, the crosshair, the wheel. */
import { Enums } from '@cornerstonejs/tools';
import type { Cell } from './cell';
import type { CellHost } from './cellhost';
import { toIndex } from './geometry';
import { Magnifier } from './magnifier';
import { valueUnit } from './measure/length';
import { placeText } from './orientation';

/** Cornerstone holds a click back for 0.4 s in case it becomes a double click; a move of more than 3 pixels ends that. */
const AWAY = 8;

export class Pointer {
  /** Pixel and value under the mouse, and its place in the patient, as they are written. */
  hover = '';
  place = '';
  private readonly magnifier: Magnifier;
  /** Where the button went down, until Cornerstone's tools have heard of it. */
  private click: { x: number; y: number } | null = null;

  constructor(
    private readonly cell: Cell,
    private readonly host: CellHost,
  ) {
    const { stage, root } = cell;
    this.magnifier = new Magnifier(root);
    stage.addEventListener('pointermove', this.moved);
    stage.addEventListener('pointerdown', this.pressed);
    stage.addEventListener('pointerup', this.released);
    for (const heard of [Enums.Events.MOUSE_DOWN, 'dblclick']) stage.addEventListener(heard, () => (this.click = null));
    stage.addEventListener('pointerleave', this.left);
    stage.addEventListener('contextmenu', (event) => event.preventDefault());
    root.addEventListener('wheel', this.wheel, { passive: false });
  }

  clear(): void {
    this.hover = this.place = '';
    this.magnifier.hide();
  }

  /** What comes now comes after the last click: one that is still held back counts at once. */
  settleClick(): void {
    const { click } = this;
    this.click = null;
    if (!click) return;
    for (const away of [AWAY, 0]) this.cell.stage.dispatchEvent(new MouseEvent('mousemove', { clientX: click.x + away, clientY: click.y, bubbles: true }));
  }

  private readonly moved = (event: PointerEvent): void => {
    if (this.cell.index < 0) return;
    const at = this.at(event);
    this.point(at);
    if (event.buttons !== 1) return;
    if (this.host.tool === 'magnifier') this.magnify(at);
    else this.host.aim(this.cell, 'drag', at);
  };

  /** Not by way of Cornerstone, which holds a click back until it cannot become a double click. */
  private readonly pressed = (event: PointerEvent): void => {
    if (event.button !== 0 || this.cell.index < 0) return;
    this.click = { x: event.clientX, y: event.clientY };
    if (this.host.tool === 'magnifier') this.magnify(this.at(event));
    else this.host.aim(this.cell, 'down', this.at(event));
  };

  private readonly released = (): void => this.magnifier.hide();

  private readonly left = (): void => {
    this.clear();
    this.cell.refresh();
  };

  private readonly wheel = (event: WheelEvent): void => {
    event.preventDefault();
    if (event.deltaY === 0) return;
    if (event.ctrlKey) this.cell.framing.zoomBy(event.deltaY < 0 ? 1.1 : 1 / 1.1);
    else this.cell.scrollBy(Math.sign(event.deltaY));
  };

  private at(event: PointerEvent): [number, number] {
    const box = this.cell.stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  private point(canvas: [number, number]): void {
    const frame = this.cell.currentFrame();
    const world = this.cell.worldAt(canvas);
    if (!frame || !world) return;
    const at = toIndex(frame, world);
    const probe = this.cell.valueAt(at);
    const unit = valueUnit(frame, this.cell.info.modality ?? null);
    // Where a computed plane has no data there is no value to name.
    const nothing = probe.text === null || (probe.padding && (frame.plane ?? frame.curved) !== undefined);
    const place = this.cell.patientAt(canvas);
    this.place = nothing || !place ? '' : placeText(place);
    this.hover = nothing ? '' : `(${Math.round(at[0])}, ${Math.round(at[1])})  ${probe.text}${unit && !probe.padding ? ` ${unit}` : ''}`;
    this.cell.refresh();
  }

  private magnify(at: [number, number]): void {
    const lens = this.cell.lens();
    if (lens) this.magnifier.show(lens, at);
  }
}
