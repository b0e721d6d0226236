/** The same viewer as a Jupyter widget: traits of `apps.viewer.DicomViewer` both ways. */
import type { KeyImage, Viewer, ViewerState } from './api';
import type { Measurement } from './measurements';
import type { OverlayData } from './overlays/overlay';
import { mountViewer } from './viewer';

/** The part of an anywidget model that is used. */
interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  on(event: string, handler: () => void): void;
  off(event: string, handler: () => void): void;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Functions by name: all where the kernel knows of none, none where it says nonsense. */
const names = (value: unknown): string[] => (value === undefined ? ['*'] : Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []);

interface Given {
  model: Model;
  el: HTMLElement;
  /** What an address of the traits is for this page. */
  place?: (address: string) => string;
}

/** Null for none: an empty dict in Python. */
function overlayOf(value: unknown): OverlayData | null {
  const given = value as Partial<OverlayData> | null | undefined;
  return Array.isArray(given?.layers) && Array.isArray(given.shapes) ? { layers: given.layers, shapes: given.shapes } : null;
}

export function render({ model, el, place = (address) => address }: Given): () => void {
  const box = document.createElement('div');
  box.style.height = text(model.get('height')) || '480px';
  el.append(box);
  let muted = false;
  const viewer: Viewer = mountViewer(box, {
    lang: model.get('lang') === 'en' ? 'en' : 'zh',
    author: text(model.get('author')),
    tools: names(model.get('tools')),
    base: place(text(model.get('base'))) || '/services/images',
  });

  /** Sends changed traits to Python; what comes back as an echo is not applied again. */
  const send = (values: Record<string, unknown>): void => {
    let changed = false;
    muted = true;
    for (const [name, value] of Object.entries(values)) {
      if (JSON.stringify(model.get(name)) === JSON.stringify(value)) continue;
      model.set(name, value);
      changed = true;
    }
    muted = false;
    if (changed) model.save_changes();
  };

  const fromState = (state: ViewerState): void => {
    if (state.index < 0) return;
    send({
      index: state.index,
      count: state.count,
      tool: state.tool,
      layout_name: state.layout,
      window: state.window ?? {},
      gamma: state.gamma,
    });
  };

  let opened = '';
  const show = (): void => {
    const [study, series] = [text(model.get('study')), text(model.get('series'))];
    if (muted || study === '' || series === '' || opened === `${study}|${series}`) return;
    opened = `${study}|${series}`;
    const index = Number(model.get('index'));
    viewer.show({ study, series, ...(index >= 0 ? { index } : {}) });
  };
  const handlers: [string, () => void][] = [
    ['study', show],
    ['series', show],
    ['index', () => {
      const index = Number(model.get('index'));
      if (index >= 0 && index !== viewer.state().index) viewer.scrollTo(index);
    }],
    ['window', () => {
      const window = model.get('window') as { center?: number; width?: number } | null;
      if (window && typeof window.center === 'number' && typeof window.width === 'number') viewer.setWindow({ ...window, center: window.center, width: window.width });
    }],
    ['gamma', () => viewer.setGamma(Number(model.get('gamma')))],
    ['tool', () => viewer.setTool(text(model.get('tool')) as ViewerState['tool'])],
    ['layout_name', () => viewer.setLayout(text(model.get('layout_name')) as ViewerState['layout'])],
    ['tools', () => viewer.setTools(names(model.get('tools')))],
    ['overlay', () => viewer.setOverlay(overlayOf(model.get('overlay')))],
    ['lang', () => viewer.setLanguage(model.get('lang') === 'en' ? 'en' : 'zh')],
    ['key_images', () => viewer.setKeyImages((model.get('key_images') ?? []) as KeyImage[])],
    ['measurements', () => viewer.setMeasurements((model.get('measurements') ?? []) as Measurement[])],
  ];
  const guarded = handlers.map(([name, handler]): [string, () => void] => [`change:${name}`, () => {
    if (!muted) handler();
  }]);
  for (const [event, handler] of guarded) model.on(event, handler);

  const kept = (model.get('measurements') ?? []) as Measurement[];
  if (kept.length > 0) viewer.setMeasurements(kept);
  viewer.setKeyImages((model.get('key_images') ?? []) as KeyImage[]);
  const overlay = overlayOf(model.get('overlay'));
  if (overlay) viewer.setOverlay(overlay);
  viewer.setTool((text(model.get('tool')) || 'window') as ViewerState['tool']);
  viewer.setLayout(text(model.get('layout_name')) as ViewerState['layout']);
  const given = model.get('window') as { center?: number; width?: number } | null;
  const gamma = model.get('gamma');
  show();
  const offShown = viewer.on('shown', () => {
    if (given && typeof given.center === 'number' && typeof given.width === 'number') viewer.setWindow({ ...given, center: given.center, width: given.width });
    if (gamma !== undefined && gamma !== 1) viewer.setGamma(Number(gamma));
    offShown();
  });
  viewer.on('state', fromState);
  viewer.on('measurements', (list) => send({ measurements: list }));
  viewer.on('keyImages', (list) => send({ key_images: list }));

  return () => {
    for (const [event, handler] of guarded) model.off(event, handler);
    viewer.dispose();
    box.remove();
  };
}
