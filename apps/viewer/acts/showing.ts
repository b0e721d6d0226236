/** What is shown where: series, whole screens, the grid, scrolling and playing (V-1, V-23, V-25). */
import type { HangRequest, HungRequest, ImageRef, LayoutName, SeriesRef, ShowRequest } from '../api';
import type { CaseInfo } from '../corners';
import type { CineSetting } from '../cine';
import { store } from '../engine';
import { spaceOf, toWorld } from '../geometry';
import type { Screen } from '../hanging/own';
import { nextLayout } from '../layout';
import { bring, type Place } from '../point';
import { placeOf } from '../presentation';
import type { Workings } from '../workings';

/** What a key begins to play. */
const USUAL: CineSetting = { fps: 10, mode: 'forward' };

export class Showing {
  constructor(private readonly inside: Workings) {}

  show(request: ShowRequest): void {
    this.inside.show(this.inside.tools.fitting(request).view);
  }

  hang(request: HangRequest): void {
    const { inside } = this;
    inside.leaveComputed();
    inside.hung.hang({ ...request, cells: this.fitting(request.cells) });
    inside.solid.check();
    inside.telling.changed();
  }

  hangMore(layout: LayoutName, cells: (HungRequest | null)[]): void {
    this.inside.hung.add(layout, this.fitting(cells));
  }

  private fitting(cells: readonly (HungRequest | null)[]): (HungRequest | null)[] {
    return cells.map((cell) => cell && this.inside.tools.fitting(cell).view);
  }

  screen(): Screen {
    return this.inside.hung.screen();
  }

  setInfo(info: CaseInfo): void {
    this.inside.described.add(this.inside.cell, info);
  }

  prefetch(series: SeriesRef | SeriesRef[]): void {
    const { base, id } = this.inside;
    for (const one of Array.isArray(series) ? series : [series]) store.prefetch(base, { study: one.study, series: one.series }, id);
  }

  clear(): void {
    const { inside } = this;
    inside.stopDrawing();
    inside.hung.forget();
    inside.cine.stop();
    inside.treated.clear();
    inside.spatial.toggleMpr(false, false);
    inside.spatial.place = null;
    inside.cells.forEach((cell) => cell.empty());
    inside.solid.check();
    inside.telling.changed();
  }

  // ---- the grid -------------------------------------------------------------------------------------------------

  setLayout(layout: LayoutName): void {
    this.inside.grid.setLayout(layout);
  }

  nextLayout(): void {
    const { grid } = this.inside;
    grid.setLayout(nextLayout(grid.layout));
  }

  setActive(cell: number): void {
    this.inside.grid.setActive(cell);
  }

  resize(): void {
    this.inside.resize();
  }

  setLinked(on: boolean): void {
    this.inside.link(on);
  }

  toggleLinked(): void {
    this.inside.link(!this.inside.linking.on);
  }

  nextHanging(): void {
    this.inside.telling.emit('hanging', 'next');
  }

  hangAgain(): void {
    this.inside.telling.emit('hanging', 'again');
  }

  boneAgeAtlas(): void {
    this.inside.telling.emit('boneAgeAtlas', null);
  }

  // ---- images of the active cell --------------------------------------------------------------------------------

  scrollTo(index: number): void {
    this.inside.cell.scrollTo(index);
  }

  scrollBy(images: number): void {
    this.inside.cell.scrollBy(images);
  }

  scrollToEnd(last: boolean): void {
    const { cell } = this.inside;
    cell.scrollTo(last ? cell.count - 1 : 0);
  }

  play(setting: CineSetting | null): void {
    const { cine } = this.inside;
    if (setting && Number.isFinite(setting.fps)) cine.play(setting);
    else cine.stop();
  }

  toggleCine(): void {
    this.play(this.inside.cine.setting ? null : USUAL);
  }

  image(): ImageRef | null {
    const { series } = this.inside.cell;
    const frame = this.inside.cell.currentFrame();
    if (!series || !frame || frame.plane || frame.curved) return null;
    return { ...series.key, sop_uid: frame.sop_uid, frame: frame.frame, index: frame.index };
  }

  positionOf(sopUid: string, frame: number): number {
    const { cell } = this.inside;
    return placeOf({ sop_uid: sopUid, frame }, cell.count, (position) => cell.frameAt(position));
  }

  place(): Place | null {
    const frame = this.inside.cell.currentFrame();
    const space = spaceOf(frame);
    return frame && space !== null ? { at: toWorld(frame, [(frame.columns - 1) / 2, (frame.rows - 1) / 2]), space } : null;
  }

  follow(place: Place): void {
    for (const cell of this.inside.cells) bring(cell, place);
  }

  valueAt(point: [number, number], index?: number): number | number[] | null {
    return this.inside.cell.valueAt(point, index).value;
  }

  screenOf(point: [number, number]): { x: number; y: number } | null {
    return this.inside.cell.screenOf(point);
  }

  canvas(cell = this.inside.grid.active): HTMLCanvasElement | null {
    const { solid, cells } = this.inside;
    return solid.canvasOf(cells[cell]) ?? cells[cell]?.canvas ?? null;
  }
}
