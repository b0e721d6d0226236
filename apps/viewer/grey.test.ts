import { describe, expect, it } from 'vitest';
import { greyAt, nextGamma, samplesOf, validGamma, type Grey, type Samples } from './curve';
import { Display } from './display';
import type { Frame, SeriesHeader } from './frame';
import { lutGrey, lutRange, takeLuts, type VoiLut } from './lut';
import { automaticChoice, fitsPattern, fitsSeries, presetsOf, type OwnPreset } from './presets';

const words = (values: number[]): string => btoa(String.fromCharCode(...new Uint8Array(Uint16Array.from(values).buffer)));
const lut = (first: number, bits: number, values: number[], more: Partial<VoiLut> = {}): VoiLut => ({ name: '', position: 0, first, bits, table: Uint16Array.from(values), ...more });
const own = (facts: Partial<OwnPreset> = {}): OwnPreset => ({ name: '肺尖', modality: 'CT', pattern: '', window: { center: -600, width: 1600 }, gamma: 1, automatic: false, ...facts });

function frame(facts: Partial<Frame> = {}): Frame {
  return {
    index: 0, sop_uid: '1', frame: 1, number: 1, rows: 2, columns: 2, bits: 16, signed: true, samples: 1, photometric: 'MONOCHROME2', slope: 1, intercept: 0,
    rescale_type: null, windows: [], spacing: null, spacing_kind: 'none', position: null, orientation: null, frame_of_reference: null,
    slice_location: null, thickness: null, patient_position: null, laterality: null, padding: null, frame_time: null, smallest: null, largest: null, ...facts,
  };
}

/** What the graphics card makes of the samples: eight bits each, straight between the middles of two, level beyond the ends. */
function drawn({ from, to, greys }: Samples, value: number): number {
  const place = Math.min(Math.max(((value - from) / (to - from)) * greys.length - 0.5, 0), greys.length - 1);
  const level = (i: number): number => Math.round(255 * (greys[Math.min(i, greys.length - 1)] as number));
  const below = Math.floor(place);
  return level(below) + (level(below + 1) - level(below)) * (place - below);
}

/** Small steady random numbers (Park–Miller). */
function random(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

describe('samples for the graphics card', () => {
  it('give each value that pixels can have its grey, whatever the window, gamma and grid', () => {
    const next = random(11);
    for (let round = 0; round < 150; round += 1) {
      const step = [1, 1, 0.25, 2, 0.12345][Math.floor(next() * 5)] as number;
      const start = Math.round((next() - 0.5) * 4000) / 2;
      const window = { center: start + (next() - 0.3) * 3000, width: 1 + next() ** 3 * 8000 * step, function: (['LINEAR', 'LINEAR_EXACT', 'SIGMOID'] as const)[round % 3] as 'LINEAR' };
      const grey: Grey = { window, lut: null, gamma: [0.2, 0.5, 1, 2.2, 5][Math.floor(next() * 5)] as number };
      const inverse = next() < 0.5;
      const samples = samplesOf(grey, inverse, { start, step }, 16_384);
      expect(samples.greys.length).toBeLessThanOrEqual(16_384);
      for (let i = 0; i < 400; i += 1) {
        const value = start + step * Math.round((window.center - start + (next() - 0.5) * 3 * window.width) / step);
        const exact = 255 * (inverse ? 1 - greyAt(value, grey) : greyAt(value, grey));
        // A straight window gets few samples: its corners are rounded by less than one of them.
        expect(Math.abs(drawn(samples, value) - exact), JSON.stringify({ grey, step, start, value })).toBeLessThanOrEqual(0.75);
      }
    }
  });

  it('keep a step a step', () => {
    const samples = samplesOf({ window: { center: 60_000, width: 1, function: 'LINEAR' }, lut: null, gamma: 1 }, false, { start: 0, step: 1 }, 8192);
    expect([59_998, 59_999, 60_000, 60_001].map((value) => Math.round(drawn(samples, value)))).toEqual([0, 0, 255, 255]);
  });
});

describe('gamma', () => {
  it('is bounded, steps by a tenth, and stops at none on the way', () => {
    expect([validGamma(0), validGamma(9), validGamma(NaN), validGamma(1.3)]).toEqual([0.2, 5, 1, 1.3]);
    let gamma = 0.5;
    const seen = [];
    while (gamma < 5) seen.push((gamma = nextGamma(gamma, 1)));
    expect(seen).toContain(1);
    expect(seen.length).toBeLessThan(30);
    while (gamma > 0.2) {
      const before = gamma;
      gamma = nextGamma(gamma, -1);
      expect(gamma).toBeLessThan(before);
      expect(before > 1 && gamma < 1).toBe(false);
    }
    expect(greyAt(50, { window: { center: 50, width: 100, function: 'LINEAR_EXACT' }, lut: null, gamma: 2 })).toBeCloseTo(Math.SQRT1_2, 12);
  });
});

describe('VOI LUT (PS3.3 C.11.2.1.1)', () => {
  it('maps to its entries, straight between them, and holds its ends', () => {
    const table = lut(-2, 8, [10, 20, 255, 40]);
    expect([-99, -2, -1, 0, 1, 99].map((value) => Math.round(255 * lutGrey(table, value)))).toEqual([10, 10, 20, 255, 40, 40]);
    expect(255 * lutGrey(table, -1.5)).toBeCloseTo(15, 9);
    expect(lutRange(lut(5, 10, [0, 0, 0, 7, 9, 1023, 1023, 1023]))).toEqual([7, 10]);
  });

  it('is shared between frames; one that cannot be read is left out with a warning', () => {
    const header: SeriesHeader = {
      frames: [frame({ voi_luts: [{ lut: 'a', explanation: ' NORMAL ' }, { lut: 'b', explanation: null }] }), frame({ index: 1, voi_luts: [{ lut: 'a', explanation: null }] })],
      order: [0], warnings: [],
      luts: { a: { first: -3, entries: 2, bits: 10, data: words([0, 1023]) }, b: { first: 0, entries: 3, bits: 10, data: words([1, 2]) } },
    };
    takeLuts(header);
    const [first, second] = header.frames;
    expect(first?.luts?.map(({ name, table }) => [name, [...table]])).toEqual([['NORMAL', [0, 1023]]]);
    expect(first?.luts?.[0]?.table).toBe(second?.luts?.[0]?.table);
    expect(header.warnings).toEqual(['voi_lut_unusable']);
  });
});

describe('the greys of a cell', () => {
  const pixels = { values: Int16Array.from([0, 100]), min: 0, max: 100, padding: null };
  const soft = lut(0, 8, [0, 50, 100], { name: 'SOFT' });
  const hard = lut(0, 8, [0, 90, 200], { name: 'HARD', position: 1 });

  it('are the table’s when there is no window, else the window’s', () => {
    const display = new Display();
    display.open(frame({ luts: [soft, hard] }), pixels, null);
    expect(display.lut).toBe(soft);
    display.enter(frame({ luts: [hard] }), pixels);
    expect(display.lut).toBe(hard);
    display.enter(frame(), pixels); // neither: as its own values say, not as the table of another image
    expect(display.lut).toBeNull();
    display.open(frame({ luts: [soft], windows: [{ center: 40, width: 400 }] }), pixels, null);
    expect([display.lut, display.window?.width]).toEqual([null, 400]);
    display.open(frame({ luts: [soft] }), pixels, { center: 1, width: 2, function: 'LINEAR' });
    expect(display.lut).toBeNull();
  });

  it('follow a chosen table by its name to the next image, and gamma stays with every change until reset', () => {
    const display = new Display();
    const first = frame({ luts: [soft, hard] });
    display.open(first, pixels, null);
    display.setGamma(2);
    display.apply({ lut: hard }, first, pixels);
    const other = lut(5, 8, [0, 1, 2], { name: 'HARD', position: 1 });
    display.enter(frame({ luts: [soft, other] }), pixels);
    expect([display.lut, display.gamma]).toEqual([other, 2]);
    display.drag(10, 0, true);
    expect([display.lut, display.gamma]).toEqual([null, 2]);
    display.apply({ window: { center: 1, width: 9, function: 'LINEAR' } }, first, pixels);
    expect([display.window?.width, display.gamma]).toEqual([9, 2]);
    display.inverted = true;
    display.reset(first, pixels);
    expect([display.lut, display.gamma, display.inverted, display.untouched]).toEqual([soft, 1, false, true]);
  });
});

describe('presets', () => {
  it('fit patterns as a regular expression would', () => {
    const next = random(5);
    const letter = (letters: string): string => letters[Math.floor(next() * letters.length)] as string;
    const text = (letters: string, most: number): string => Array.from({ length: Math.floor(next() * (most + 1)) }, () => letter(letters)).join('');
    let fitted = 0;
    for (let round = 0; round < 20_000; round += 1) {
      const [pattern, given] = [text('aB.肺*?*', 7), text('Ab.肺', 9)];
      const expression = new RegExp(`^${pattern.replace(/\./g, '\\.').replace(/\*+/g, '[^]*').replace(/\?/g, '[^]')}$`, 'iu');
      expect(fitsPattern(pattern, given), `${pattern} on ${given}`).toBe(expression.test(given));
      if (expression.test(given)) fitted += 1;
    }
    expect(fitted).toBeGreaterThan(2000);
    expect(fitsPattern('*a'.repeat(200), 'a'.repeat(5000) + 'b')).toBe(false); // quickly
  });

  it('fit by modality and description; what is empty fits all', () => {
    expect(fitsSeries(own({ pattern: '*LUNG*' }), { modality: 'ct', description: 'Chest lung 1.0' })).toBe(true);
    expect(fitsSeries(own({ pattern: 'lung' }), { modality: 'CT', description: 'Chest lung 1.0' })).toBe(false);
    expect(fitsSeries(own(), { modality: 'MR', description: null })).toBe(false);
    expect(fitsSeries(own({ modality: '' }), { modality: null, description: null })).toBe(true);
    expect(fitsSeries(own({ pattern: '?*' }), { modality: 'CT', description: null })).toBe(false);
  });

  it('come in the order of the keys: own, usual, header; the first automatic one applies', () => {
    const list = [own({ name: 'MR', modality: 'MR' }), own({ name: 'one' }), own({ name: 'two', pattern: '*x*', automatic: true, gamma: 1.5, window: null }), own({ name: 'three', automatic: true })];
    const series = { modality: 'CT', description: 'coronal' };
    const given = frame({ windows: [{ center: 40, width: 400, explanation: 'SOFT' }, { center: 400, width: 1800 }], luts: [lut(0, 8, [0, 9])] });
    const ids = presetsOf(series, given, list).map(({ id }) => id);
    expect(ids.slice(0, 3)).toEqual(['own-1', 'own-3', 'mediastinum']);
    expect(ids.slice(-3)).toEqual(['header-0', 'header-1', 'lut-0']);
    expect(presetsOf({ modality: 'DX', description: null }, frame(), []).map(({ id }) => id)).toEqual(['as-header', 'high-contrast', 'low-contrast']);
    expect(automaticChoice(series, list)).toEqual({ window: { center: -600, width: 1600, function: 'LINEAR' }, gamma: 1 });
    expect(automaticChoice({ ...series, description: 'xyz' }, list)).toEqual({ header: true, gamma: 1.5 });
    expect(automaticChoice({ modality: 'US', description: null }, list)).toBeNull();
  });
});
