/** Test page: the public API as a desk uses it, reachable for the tests. */
import { mountViewer, type Viewer, type ViewerOptions } from '../../apps/viewer/api';
import { COMMANDS } from '../../apps/viewer/commands';

interface Bench {
  viewers: Record<string, Viewer>;
  events: { name: string; value: unknown; at: number }[];
  /** The usual keys by command. */
  keys: Record<string, readonly string[]>;
  mount(id: string, options?: ViewerOptions): Promise<void>;
  pixel(id: string, column: number, row: number, cell?: number): number[];
  greys(id: string, places: [number, number][]): number[][];
  hash(id: string): Promise<string>;
  facts(): Promise<unknown>;
}

const bench: Bench = {
  viewers: {},
  events: [],
  keys: Object.fromEntries(COMMANDS.map(({ id, keys }) => [id, keys])),
  async mount(id, options = {}) {
    const viewer = await mountViewer(document.getElementById(id) as HTMLElement, { lang: 'zh', author: 'tester', ...options });
    bench.viewers[id] = viewer;
    for (const name of ['shown', 'failed', 'measurements'] as const) viewer.on(name, (value) => bench.events.push({ name: `${id}.${name}`, value, at: performance.now() }));
  },
  /** Colour of the canvas at the middle of an image pixel. */
  pixel(id, column, row) {
    const viewer = bench.viewers[id] as Viewer;
    const canvas = viewer.canvas() as HTMLCanvasElement;
    const place = viewer.screenOf([column, row]) as { x: number; y: number };
    const box = canvas.getBoundingClientRect();
    const scale = canvas.width / box.width;
    const [x, y] = [Math.floor((place.x - box.left) * scale), Math.floor((place.y - box.top) * scale)];
    return [...(canvas.getContext('2d') as CanvasRenderingContext2D).getImageData(x, y, 1, 1).data.slice(0, 3)];
  },
  /** As `pixel`, of many image pixels from one picture. */
  greys(id, places) {
    const viewer = bench.viewers[id] as Viewer;
    const canvas = viewer.canvas() as HTMLCanvasElement;
    const box = canvas.getBoundingClientRect();
    const scale = canvas.width / box.width;
    const { data } = (canvas.getContext('2d') as CanvasRenderingContext2D).getImageData(0, 0, canvas.width, canvas.height);
    return places.map((place) => {
      const { x, y } = viewer.screenOf(place) as { x: number; y: number };
      const at = 4 * (Math.floor((y - box.top) * scale) * canvas.width + Math.floor((x - box.left) * scale));
      return [...data.slice(at, at + 3)];
    });
  },
  async hash(id) {
    const canvas = (bench.viewers[id] as Viewer).canvas() as HTMLCanvasElement;
    const { data } = (canvas.getContext('2d') as CanvasRenderingContext2D).getImageData(0, 0, canvas.width, canvas.height);
    const digest = await crypto.subtle.digest('SHA-256', data);
    return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  },
  async facts() {
    const config = JSON.parse(document.getElementById('desk-config')?.textContent ?? '{}') as { viewer: string };
    const module = (await import(config.viewer)) as { storeFacts(): unknown };
    return module.storeFacts();
  },
};

Object.assign(globalThis, { bench });
