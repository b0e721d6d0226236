import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Frame } from './frame';
import { SeriesStore, type Series } from './store';

const SIDE = 16;
const BYTES = SIDE * SIDE * 2;

function streamed(): Response {
  const facts: Partial<Frame> = {
    index: 0, sop_uid: '1', frame: 1, number: 1, rows: SIDE, columns: SIDE, bits: 16, signed: true, samples: 1, photometric: 'MONOCHROME2', slope: 1, intercept: 0,
    rescale_type: null, windows: [], spacing: null, spacing_kind: 'none', position: null, orientation: null, padding: null, smallest: null, largest: null,
  };
  const header = new TextEncoder().encode(JSON.stringify({ frames: [facts], order: [0], warnings: [] }));
  const bytes = new Uint8Array(4 + header.length + 8 + BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, header.length, true);
  bytes.set(header, 4);
  view.setUint32(8 + header.length, BYTES, true);
  return new Response(bytes);
}

describe('the store of series', () => {
  let asked: string[] = [];
  const shown = new Set<Series>();
  const store = (left: number, budget = 100 * BYTES): SeriesStore => {
    const made = new SeriesStore(budget, left);
    made.inUse = (series) => shown.has(series);
    return made;
  };
  const show = async (where: SeriesStore, study: string, series = 'x'): Promise<Series> => {
    const one = where.show('', { study, series }, 'viewer');
    shown.clear();
    shown.add(one);
    await vi.waitFor(() => expect(one.phase).toBe('complete'));
    return one;
  };
  const prefetch = async (where: SeriesStore, study: string, series = 'x'): Promise<void> => {
    const one = where.prefetch('', { study, series }, 'viewer');
    await vi.waitFor(() => expect(one.phase).toBe('complete'));
  };

  beforeEach(() => {
    asked = [];
    shown.clear();
    vi.stubGlobal('fetch', (url: string) => {
      asked.push(url);
      return Promise.resolve(streamed());
    });
  });
  afterEach(() => vi.unstubAllGlobals());

  it('keeps of ten cases the last two and as much of the others as it may', async () => {
    const page = store(1.5 * BYTES);
    for (let study = 0; study < 10; study += 1) await show(page, `${study}`);
    expect(page.bytes).toBe(3 * BYTES);
    await show(page, '7');
    expect(asked).toHaveLength(10);
    await show(page, '6');
    expect(asked).toHaveLength(11);
  });

  it('keeps every series of the open study, and of the one beside it', async () => {
    const page = store(0);
    for (const series of ['a', 'b', 'c', 'd']) await show(page, 'now', series);
    await show(page, 'prior', 'a');
    for (const series of ['d', 'c', 'b', 'a']) await show(page, 'now', series);
    await show(page, 'prior', 'a');
    expect(asked).toHaveLength(5);
  });

  it('keeps what was fetched for the next case while a prior is looked at', async () => {
    const page = store(0);
    await show(page, 'now');
    await prefetch(page, 'next');
    await show(page, 'prior');
    await show(page, 'now');
    await show(page, 'next');
    expect(asked).toHaveLength(3);
    await prefetch(page, 'never');
    for (const study of ['other', 'another', 'last']) await show(page, study);
    expect(page.bytes).toBe(2 * BYTES);
  });

  it('asks again by itself for what is on the screen while the node is away, not for what was left or refused', async () => {
    vi.useFakeTimers();
    try {
      const page = store(0);
      let status = 503;
      vi.stubGlobal('fetch', (url: string) => {
        asked.push(url);
        return Promise.resolve(status === 200 ? streamed() : new Response('', { status }));
      });
      const [seen, left] = ['seen', 'left'].map((study) => page.show('', { study, series: 'x' }, 'viewer')) as [Series, Series];
      shown.add(seen);
      await vi.advanceTimersByTimeAsync(1);
      expect([seen.phase, left.phase, asked.length]).toEqual(['failed', 'failed', 2]);
      await vi.advanceTimersByTimeAsync(5000);
      expect([seen.phase, asked.length]).toEqual(['failed', 3]);
      status = 200;
      await vi.advanceTimersByTimeAsync(5000);
      expect([seen.phase, left.phase, asked.length]).toEqual(['complete', 'failed', 4]);
      status = 404;
      shown.add(page.show('', { study: 'refused', series: 'x' }, 'viewer'));
      await vi.advanceTimersByTimeAsync(60_000);
      expect(asked).toHaveLength(5);
    } finally {
      vi.useRealTimers();
    }
  });

  it('never drops what is on the screen', async () => {
    const page = store(0, BYTES);
    const first = await show(page, '1');
    for (const study of ['2', '3', '4']) {
      page.show('', { study, series: 'x' }, 'viewer');
      await vi.waitFor(() => expect(asked.some((url) => url.includes(`/${study}/`))).toBe(true));
    }
    expect(first.bytes).toBe(BYTES);
    expect(first.pixels(0)).not.toBeNull();
  });
});
