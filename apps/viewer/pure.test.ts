import { describe, expect, it } from 'vitest';
import type { Frame } from './frame';
import { toIndex, toWorld } from './geometry';
import { lengthOf, unitText, valueUnit } from './measure/length';
import { edgeLetters, lettersOf } from './orientation';
import { dateText, dicomAge, personName } from './patient';
import { displayValues, modalityValues, storedPadding } from './pixels';
import { scaleFor } from './scale';
import { StreamError, StreamParser } from './stream';
import { automaticWindow, greyOf, headerWindows, initialWindow } from './window';

function frame(facts: Partial<Frame> = {}): Frame {
  return {
    index: 0, sop_uid: '1', frame: 1, number: 1, rows: 2, columns: 2, bits: 16, signed: true, samples: 1, photometric: 'MONOCHROME2', slope: 1, intercept: 0,
    rescale_type: null, windows: [], spacing: [1, 1], spacing_kind: 'pixel', position: [0, 0, 0], orientation: [1, 0, 0, 0, 1, 0], frame_of_reference: '1.2',
    slice_location: null, thickness: null, patient_position: null, laterality: null, padding: null, frame_time: null, smallest: null, largest: null, ...facts,
  };
}

describe('stream', () => {
  const header = new TextEncoder().encode(JSON.stringify({ frames: [frame(), frame({ index: 1 })], order: [1, 0], warnings: ['层'] }));
  const bytes = new Uint8Array(4 + header.length + 2 * 8 + 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, header.length, true);
  bytes.set(header, 4);
  view.setUint32(4 + header.length, 1, true);
  view.setUint32(8 + header.length, 8, true);
  bytes.set([1, 0, 2, 0, 3, 0, 4, 0], 12 + header.length);
  view.setUint32(20 + header.length, 0, true); // frame 0 could not be decoded: no bytes

  it.each([1, 3, 7, 64, 1_000_000])('reads the same in chunks of %i', (size) => {
    const told: unknown[] = [];
    const parser = new StreamParser({ header: (one) => told.push(one.warnings), frame: (index, pixels) => told.push([index, [...new Int16Array(pixels)]]) });
    for (let at = 0; at < bytes.length; at += size) parser.push(bytes.subarray(at, at + size));
    parser.end();
    expect(told).toEqual([['层'], [1, [1, 2, 3, 4]], [0, []]]);
  });

  it('refuses a cut, a wrong length, an unknown frame and an absurd header', () => {
    const sink = { header: () => undefined, frame: () => undefined };
    const cut = new StreamParser(sink);
    cut.push(bytes.subarray(0, bytes.length - 11));
    expect(() => cut.end()).toThrow(StreamError);
    for (const [at, value] of [[8 + header.length, 6], [4 + header.length, 9], [0, 0xffffffff]] as const) {
      const wrong = bytes.slice();
      new DataView(wrong.buffer).setUint32(at, value, true);
      expect(() => new StreamParser(sink).push(wrong)).toThrow(StreamError);
    }
  });
});

describe('window (PS3.3 C.11.2.1.2)', () => {
  it('gives the values of the standard’s example', () => {
    const window = { center: 2048, width: 4096, function: 'LINEAR' as const };
    expect(greyOf(0, window)).toBe(0);
    expect(greyOf(4095, window)).toBe(1);
    expect(greyOf(2047.5, window)).toBeCloseTo(0.5, 12);
    expect(greyOf(2048, { ...window, function: 'LINEAR_EXACT' })).toBe(0.5);
    expect(greyOf(2048, { ...window, function: 'SIGMOID' })).toBe(0.5);
  });

  it('keeps the header’s windows in order, and drops broken ones', () => {
    const given = frame({ windows: [{ center: 1, width: 0 }, { center: 30, width: 350, function: 'sigmoid ' }, { center: 300, width: 1500, function: null }] });
    expect(headerWindows(given).map(({ center, function: name }) => [center, name])).toEqual([[30, 'SIGMOID'], [300, 'LINEAR']]);
  });

  it('finds a window by percentiles without padding, and survives a flat image', () => {
    const values = Int16Array.from({ length: 1000 }, (_, i) => (i < 500 ? -2000 : i - 500));
    const { center, width } = automaticWindow({ values, min: 0, max: 499, padding: -2000 });
    expect(center).toBeCloseTo(250, -1);
    expect(width).toBeGreaterThan(480);
    expect(automaticWindow({ values: new Int16Array(10).fill(7), min: 7, max: 7, padding: null }).width).toBeGreaterThan(0);
    expect(initialWindow(frame({ samples: 3 }), { values, min: 0, max: 255, padding: null })).toEqual({ center: 127.5, width: 255, function: 'LINEAR_EXACT' });
  });
});

describe('pixels', () => {
  it('keeps whole values whole, in the smallest type that holds them', () => {
    const raw = Uint16Array.from([0, 1024, 4095, 63536]);
    const ct = modalityValues(frame({ signed: false, intercept: -1024 }), raw.slice(0, 3).buffer);
    expect(ct.values).toBeInstanceOf(Int16Array);
    expect([...ct.values]).toEqual([-1024, 0, 3071]);
    const wide = modalityValues(frame({ signed: false, slope: 2 }), raw.slice().buffer);
    expect(wide.values).toBeInstanceOf(Float32Array);
    expect(wide.values[3]).toBe(127072);
    const pet = modalityValues(frame({ slope: 9.12329 }), Int16Array.from([154]).buffer);
    expect(pet.values[0]).toBeCloseTo(1404.99, 2);
    expect([...modalityValues(frame({ bits: 8, signed: true }), Int8Array.from([-3, 5]).buffer).values]).toEqual([-3, 5]);
    expect(modalityValues(frame({ slope: 0 }), Int16Array.from([5]).buffer).values[0]).toBe(5);
  });

  it('knows padding written with the wrong sign, leaves it out of the range, and draws it black when inverted', () => {
    const given = frame({ padding: 63536 });
    expect(storedPadding(given)).toBe(-2000);
    const pixels = modalityValues({ ...given, intercept: -24 }, Int16Array.from([-2000, 10, 20, 30]).buffer);
    expect([pixels.min, pixels.max, pixels.padding]).toEqual([-14, 6, -2024]);
    expect([...displayValues({ ...given, photometric: 'MONOCHROME1' }, pixels)]).toEqual([32767, -14, -4, 6]);
    expect(displayValues(given, pixels)).toBe(pixels.values);
  });
});

describe('orientation', () => {
  it.each([
    [[0, -1, 0], [0, 0, -1], { left: 'R', right: 'L', top: 'A', bottom: 'P' }], // axial from below
    [[0, 0, 1], [1, 0, 0], { left: 'A', right: 'P', top: 'H', bottom: 'F' }], // sagittal, as lying on either side
    [[0, 0, 1], [0, -1, 0], { left: 'R', right: 'L', top: 'H', bottom: 'F' }], // coronal from the front
    [[1, 0, 0], [0, 0, -1], { left: 'A', right: 'P', top: 'L', bottom: 'R' }], // axial turned by 90°
  ] as const)('up %j, normal %j', (up, normal, letters) => {
    expect(edgeLetters(up, normal)).toEqual(letters);
  });

  it('mirrors the sides only, and names oblique directions by their larger part first', () => {
    expect(edgeLetters([0, -1, 0], [0, 0, -1], true)).toMatchObject({ left: 'L', right: 'R', top: 'A' });
    expect(lettersOf([0.8, 0.6, 0])).toBe('LP');
    expect(lettersOf([0.99, 0.1, 0])).toBe('L');
    expect(lettersOf([0.3, -0.4, -0.87])).toBe('FAL');
  });
});

describe('measure', () => {
  it('uses each direction’s own spacing and never a false mm', () => {
    const wide = frame({ rows: 500, columns: 500, spacing: [0.5, 2] });
    expect(lengthOf(wide, [0, 0], [3, 0])).toEqual({ value: 6, unit: 'mm' });
    expect(lengthOf(wide, [0, 0], [0, 3])).toEqual({ value: 1.5, unit: 'mm' });
    expect(lengthOf(frame({ spacing: null, spacing_kind: 'none' }), [0, 0], [3, 4])).toEqual({ value: 5, unit: 'px' });
    expect(lengthOf(frame({ spacing: [0, 0] }), [0, 0], [3, 4]).unit).toBe('px');
    expect(lengthOf(frame({ spacing: [0.1, 0.1], spacing_kind: 'imager' }), [0, 0], [3, 4])).toEqual({ value: 0.5, unit: 'mm (detector)' });
    expect(['mm (detector)', 'mm² (US)', 'mm (calibrated)', 'px', '°'].map((unit) => unitText(unit, 'zh'))).toEqual(['mm（探测器平面）', 'mm²（超声标定）', 'mm（已校准）', 'px', '°']);
    expect(unitText('mm² (detector)', 'en')).toBe('mm² (detector)');
  });

  it('measures ultrasound in the region that holds the whole line', () => {
    const regions = [
      { x0: 0, y0: 0, x1: 99, y1: 99, spacing: [0.1, 0.1] as [number, number] },
      { x0: 100, y0: 0, x1: 199, y1: 99, spacing: [0.2, 0.2] as [number, number] },
    ];
    const us = frame({ spacing: null, spacing_kind: 'region', regions });
    expect(lengthOf(us, [10, 10], [20, 10])).toEqual({ value: 1, unit: 'mm (US)' });
    expect(lengthOf(us, [110, 10], [120, 10])).toEqual({ value: 2, unit: 'mm (US)' });
    expect(lengthOf(us, [90, 10], [110, 10]).unit).toBe('px');
    expect(lengthOf({ ...us, outside: true }, [10, 10], [20, 10]).unit).toBe('px');
  });

  it('goes to patient coordinates and back', () => {
    const oblique = frame({ orientation: [0.0538, 0.965, 0.2566, 0.0181, 0.256, -0.9665], position: [11, -22, 33], spacing: [0.5, 1.25] });
    const [x, y] = toIndex(oblique, toWorld(oblique, [12.5, 100]));
    // Exactly, though the header's cosines are rounded to four digits.
    expect(x).toBeCloseTo(12.5, 9);
    expect(y).toBeCloseTo(100, 9);
  });

  it('names the unit of values', () => {
    expect(valueUnit(frame(), 'CT')).toBe('HU');
    expect(valueUnit(frame({ rescale_type: 'US' }), 'CT')).toBe('');
    expect(valueUnit(frame({ rescale_type: 'GY' }), 'RTDOSE')).toBe('GY');
    expect(valueUnit(frame(), 'MR')).toBe('');
  });

  it('draws a round scale that fits', () => {
    expect(scaleFor(0.5, 250, false)).toEqual({ pixels: 200, text: '10 cm', detector: false });
    expect(scaleFor(0.02, 300, true)).toEqual({ pixels: 250, text: '5 mm', detector: true });
    expect(scaleFor(0, 100, false)).toBeNull();
  });
});

describe('patient', () => {
  it('writes names in the page’s language, Chinese without a space', () => {
    expect(personName('Wang^XiaoDong=王^小东', 'zh')).toBe('王小东');
    expect(personName('Wang^XiaoDong=王^小东', 'en')).toBe('Wang XiaoDong');
    expect(personName('=王^小东', 'en')).toBe('王小东');
    expect(personName('Doe^John^^Dr', 'zh')).toBe('Doe John Dr');
    expect(personName(null, 'zh')).toBe('');
  });

  it('reads DICOM ages and dates, and nothing else', () => {
    expect(dicomAge('036Y', 'zh')).toBe('36岁');
    expect(dicomAge('002W', 'zh')).toBe('14天');
    expect(dicomAge('81', 'zh')).toBe('');
    expect(dateText('19001231')).toBe('1900-12-31');
    expect(dateText('1900')).toBe('');
  });
});
