/** The same viewer as a Jupyter widget: traits of `apps.viewer.DicomViewer` both ways. */
import type { Viewer, ViewerState } from './api';
import type { Measurement } from './measurements';
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

export function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const box = document.createElement('div');
  box.style.height = text(model.get('height')) || '480px';
  el.append(box);
  let muted = false;
  const viewer: Viewer = mountViewer(box, {
    lang: model.get('lang') === 'en' ? 'en' : 'zh',
    author: text(model.get('author')),
    base: text(model.get('base')) || '/services/images',
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
    ['lang', () => viewer.setLanguage(model.get('lang') === 'en' ? 'en' : 'zh')],
    ['measurements', () => viewer.setMeasurements((model.get('measurements') ?? []) as Measurement[])],
  ];
  const guarded = handlers.map(([name, handler]): [string, () => void] => [`change:${name}`, () => {
    if (!muted) handler();
  }]);
  for (const [event, handler] of guarded) model.on(event, handler);

  const kept = (model.get('measurements') ?? []) as Measurement[];
  if (kept.length > 0) viewer.setMeasurements(kept);
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

  return () => {
    for (const [event, handler] of guarded) model.off(event, handler);
    viewer.dispose();
    box.remove();
  };
}
