import { describe, expect, it } from 'vitest';
import type { Frame } from '../frame';
import { outline } from './outline';
import { ShownOverlay, type OverlayLine } from './overlay';

const placed = { layer: 0, series: 's', sop_uid: 'a', frame: 1, index: 0 };
const frame = (more: Partial<Frame>): Frame => ({ sop_uid: 'a', frame: 1, ...more }) as Frame;
const line = (more: Partial<OverlayLine>): OverlayLine => ({ ...placed, kind: 'polygon', points: [[0, 0], [4, 0], [4, 3]], ...more });

describe('what lies on an image', () => {
  const shown = new ShownOverlay({
    layers: [{ id: 0, label: 'A', colour: '#ff8000', detail: '' }, { id: 1, label: 'B', colour: 'url(x)', detail: '' }],
    shapes: [line({}), line({ layer: 1 }), line({ sop_uid: 'b' }), line({ frame: 2 })],
  });

  it('is drawn on its own instance and frame only', () => {
    expect(shown.on(frame({})).map((shape) => shape.layer)).toEqual([0, 1]);
    expect(shown.on(frame({ frame: 2 }))).toHaveLength(1);
    expect(shown.on(frame({ frame: 3 }))).toEqual([]);
    expect(shown.on(frame({ sop_uid: 'c' }))).toEqual([]);
  });

  it('never on a picture computed from others', () => {
    expect(shown.on(frame({ plane: { name: 'axial', turned: false, slab: null, step: 1 } }))).toEqual([]);
  });

  it('goes with its layer, and colours are colours', () => {
    shown.look = { hidden: [0], opacity: 1 };
    expect(shown.on(frame({})).map((shape) => shape.layer)).toEqual([1]);
    expect([shown.colour(0), shown.colour(1)]).toEqual(['#ff8000', '#e69f00']);
  });
});

describe('outlines', () => {
  it('of an ellipse go through the ends of its axes and keep its area', () => {
    const found = outline(line({ kind: 'ellipse', points: [[0, 5], [20, 5], [10, 2], [10, 8]] }));
    const points = found?.points ?? [];
    for (const [x, y] of [[20, 5], [0, 5], [10, 2], [10, 8]] as const) expect(Math.min(...points.map((point) => Math.hypot(point[0] - x, point[1] - y)))).toBeLessThan(1e-9);
    const area = Math.abs(points.reduce((sum, [x, y], at) => { const [u, v] = points[(at + 1) % points.length] ?? [0, 0]; return sum + x * v - u * y; }, 0)) / 2;
    expect(area / (Math.PI * 10 * 3)).toBeCloseTo(1, 2);
  });

  it('of a circle have its radius, of too few points are none', () => {
    const found = outline(line({ kind: 'circle', points: [[5, 5], [8, 9]] }));
    for (const [x, y] of found?.points ?? []) expect(Math.hypot(x - 5, y - 5)).toBeCloseTo(5, 9);
    expect(found?.closed).toBe(true);
    expect(outline(line({ kind: 'circle', points: [[5, 5]] }))).toBeNull();
    expect(outline(line({ kind: 'polyline', points: [[5, 5]] }))).toBeNull();
    expect(outline(line({ kind: 'point', points: [[5, 5]] }))).toBeNull();
  });
});
