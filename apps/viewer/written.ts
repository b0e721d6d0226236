/** What lies over the image of one cell, written anew with the next picture: corners, letters, scale, lines, warnings, and what others drew. */
import type { Cell } from './cell';
import type { CellHost } from './cellhost';
import type { Frame } from './frame';
import { Overlay } from './overlay';
import { OverlayLayerCanvas } from './overlays/layer';
import type { LayerName } from './overlays/planes';
import { knownScreen } from './screen';
import { Computed } from './volume/computed';
import { say, warningText } from './words';

export class Written {
  readonly overlay: Overlay;
  private readonly foreign: OverlayLayerCanvas;
  private waiting = 0;
  /** Begins the curve that the cell waits for. */
  private draw: (() => void) | null = null;

  constructor(
    private readonly cell: Cell,
    private readonly host: CellHost,
  ) {
    this.foreign = new OverlayLayerCanvas(cell.root);
    this.overlay = new Overlay(cell.root, host.corners);
  }

  /** Whether a curve is still to be drawn for what the cell stands for. */
  get wantsCurve(): boolean {
    return this.draw !== null;
  }

  wantCurve(draw: () => void): void {
    this.draw = draw;
  }

  /** Another source comes, or nothing. */
  clear(): void {
    this.draw = null;
    this.foreign.clear();
    this.overlay.clear();
  }

  /** Another image comes. */
  clearForeign(): void {
    this.foreign.clear();
  }

  dispose(): void {
    cancelAnimationFrame(this.waiting);
  }

  /** Writes everything anew, with the next picture and at most once for it. */
  refresh(): void {
    if (this.waiting || !this.cell.series) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.write();
    });
  }

  private write(): void {
    const { cell, host } = this;
    const { series } = cell;
    if (!series) return;
    const { language } = host;
    this.overlay.setWarnings(this.warnings().map((code) => warningText(code, language)), language);
    this.overlay.setProgress(series.loaded, series.total, language);
    if (series.phase === 'failed' && cell.index >= 0) this.overlay.setWaiting(say('cut', language));
    this.writeCorners();
    if (this.draw) this.overlay.setWish(cell.hidden ? null : say('wantsCurve', language), this.draw);
    if (cell.hidden) this.foreign.clear();
    const frame = cell.currentFrame();
    if (frame && cell.camera) {
      this.overlay.lines.set(host.linesOn(cell));
      this.overlay.setLetters(cell.camera.letters(frame));
      this.overlay.setLegend(this.legend(frame));
      this.overlay.setScale(cell.camera.scale(frame, cell.root.clientWidth / 4), language);
    }
    host.changed(cell);
  }

  /** Codes of the stream and of the summary, each once. */
  warnings(): string[] {
    const { cell } = this;
    const all = new Set([...(cell.info.warnings ?? []), ...(cell.series?.header?.warnings ?? []), ...(cell.series ? this.host.planes.warnings(cell.series) : [])]);
    if (!cell.currentFrame()?.calibrated) return [...all];
    all.delete('no_spacing');
    return ['calibrated', ...all];
  }

  /** The layers of the image's own overlay planes; that there are some where they are switched off. */
  private legend(frame: Frame): LayerName[] {
    const { planes, language } = this.host;
    const layers = this.cell.series ? planes.layersOn(this.cell.series, frame) : [];
    if (planes.on || layers.length === 0) return layers.map(({ label, colour }) => ({ label: `${say('planes', language)} ${label}`, colour }));
    return [{ label: say('planesOff', language), colour: '' }];
  }

  /** What others drew on the image, when it has just been drawn itself, or the overlay changed. */
  drawForeign(): void {
    const { cell } = this;
    const frame = cell.hidden ? null : cell.currentFrame();
    const { foreign, planes } = this.host;
    const unsure = cell.series instanceof Computed ? cell.series.unsure : null;
    const shown = [cell.series && planes.of(cell.series), foreign, unsure].filter((one) => one !== null);
    this.foreign.draw(shown, frame, (point) => cell.canvasAt(frame as Frame, point));
  }

  private writeCorners(): void {
    const { cell, host } = this;
    const frame = cell.currentFrame();
    const { window, lut, gamma, inverted } = cell.grey;
    if (!frame || !window || !cell.camera) return;
    this.overlay.setCorners(
      {
        info: cell.info,
        frame,
        position: cell.index,
        count: cell.count,
        window,
        lut,
        gamma,
        inverted,
        zoom: cell.camera.pixelsPerImagePixel(frame),
        trueSize: this.trueSize(frame),
        hover: cell.pointer.hover,
        place: cell.pointer.place,
        filter: cell.series ? host.filterOf(cell.series) : null,
        received: host.received(cell),
        rotation: cell.view().rotation,
        key: host.markedBy(cell),
      },
      host.language,
    );
  }

  /** Whether this zoom shows the true size, on a screen that was measured. */
  private trueSize(frame: Frame): 'patient' | 'detector' | null {
    const screen = knownScreen();
    const times = screen && this.cell.camera ? this.cell.camera.magnification(frame, screen.mmPerPixel) : null;
    if (times === null || Math.abs(times - 1) > 0.005) return null;
    return frame.spacing_kind === 'imager' && !frame.calibrated ? 'detector' : 'patient';
  }
}
