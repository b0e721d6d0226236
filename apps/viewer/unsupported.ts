/** The viewer of a browser that cannot draw: words instead of images, and no call of a page fails. */
import type { Viewer, ViewerOptions, ViewerState } from './api';
import type { Screen } from './hanging/own';
import type { KeyImage } from './keyimages';
import { isMeasurement, type Measurement } from './measurements';
import { adoptStyle } from './style';
import { say, type Language } from './words';

/** A page without WebGL: says so, and answers every call harmlessly. */
export class UnsupportedViewer implements Viewer {
  private readonly box = document.createElement('div');

  constructor(parent: HTMLElement, private readonly options: ViewerOptions) {
    adoptStyle(parent);
    this.box.className = 'px-viewer';
    parent.append(this.box);
    this.setLanguage(options.lang ?? 'zh');
  }

  setLanguage(lang: Language): void {
    const notice = document.createElement('div');
    notice.className = 'px-notice';
    notice.setAttribute('role', 'alert');
    const title = document.createElement('strong');
    title.textContent = say('noWebgl', lang);
    const action = document.createElement('span');
    action.textContent = say('noWebglHow', lang);
    notice.append(title, action);
    this.box.replaceChildren(notice);
  }

  private list: Measurement[] = [];
  show(): void {
    this.options.onState?.(this.state());
  }
  hang(): void {
    this.show();
  }
  hangMore(): void {}
  screen(): Screen {
    return { layout: '1x1', active: 0, linked: false, cells: [null] };
  }
  prefetch(): void {}
  clear(): void {}
  setTool(): void {}
  setWindow(): void {}
  preset(): void {}
  setGamma(): void {}
  setPresets(): void {}
  setKeys(): void {}
  setTools(): void {}
  invert(): void {}
  rotate(): void {}
  turnTo(): void {}
  flip(): void {}
  reset(): void {}
  trueSize(): void {}
  mpr(): void {}
  play(): void {}
  setLinked(): void {}
  setFilter(): void {}
  setOverlay(): void {}
  setOverlayLook(): void {}
  setPlanes(): void {}
  setSlab(): void {}
  setCurve(): void {}
  finishCurve(): void {}
  setCpr(): void {}
  rendering(): void {}
  setRendering(): void {}
  renderedAt(): null {
    return null;
  }
  setMasks(): void {}
  setPoint(): void {}
  scrollTo(): void {}
  positionOf(): number {
    return -1;
  }
  place(): null {
    return null;
  }
  follow(): void {}
  setLayout(): void {}
  setActive(): void {}
  setInfo(): void {}
  resize(): void {}
  removeMeasurement(): void {}
  image(): null {
    return null;
  }
  propose(): boolean {
    return false;
  }
  confirmProposal(): void {}
  dropProposal(): void {}
  undo(): void {}
  redo(): void {}
  measurements(): Measurement[] {
    return this.list;
  }
  setMeasurements(list: Measurement[]): void {
    this.list = list.filter(isMeasurement);
  }
  mergeMeasurements(changed: Measurement[], removed: string[]): void {
    const gone = new Set([...removed, ...changed.map((one) => one.id)]);
    this.list = [...this.list.filter((one) => !gone.has(one.id)), ...changed.filter(isMeasurement)];
  }
  private keys: KeyImage[] = [];
  keyImages(): KeyImage[] {
    return this.keys;
  }
  setKeyImages(list: KeyImage[]): void {
    this.keys = list;
  }
  presentation(): null {
    return null;
  }
  present(): void {}
  keepKeyImage(): void {}
  valueAt(): null {
    return null;
  }
  screenOf(): null {
    return null;
  }
  canvas(): null {
    return null;
  }
  state(): ViewerState {
    return {
      study: null, series: null, modality: null, index: -1, count: 0, loaded: 0, phase: 'unsupported', window: null, lut: null, gamma: 1, inverted: false, zoom: 1, pan: [0, 0], rotation: 0, mirrored: false,
      tool: 'window', layout: '1x1', active: 0, mpr: false, filter: null, cine: null, linked: false, plane: null, slab: null, curve: null, rendering: null, removed: [], planes: null, point: null, warnings: [], presets: [], description: null,
    };
  }
  on(): () => void {
    return () => undefined;
  }
  dispose(): void {
    this.box.remove();
  }
}
