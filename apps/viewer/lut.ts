/** VOI LUTs of the header (PS3.3 C.11.2.1.1): tables from modality values to grey. */
import type { Frame, SeriesHeader } from './frame';
import type { Window } from './window';

/** A table as the node sends it: little endian words as base64. */
export interface LutData {
  first: number;
  entries: number;
  bits: number;
  data: string;
}

export interface VoiLut {
  /** The header's explanation; empty when it gives none. */
  name: string;
  /** Place in the header's list. */
  position: number;
  /** Modality value that entry 0 is for. */
  first: number;
  /** The entries' range is 0…2^bits − 1. */
  bits: number;
  table: Uint16Array;
}

function decode(data: LutData): Uint16Array | null {
  let text: string;
  try {
    text = atob(data.data);
  } catch {
    return null;
  }
  if (data.entries < 1 || text.length !== 2 * data.entries || !Number.isInteger(data.first)) return null;
  const table = new Uint16Array(data.entries);
  for (let i = 0; i < table.length; i += 1) table[i] = text.charCodeAt(2 * i) | (text.charCodeAt(2 * i + 1) << 8);
  return table;
}

/** Gives each frame its tables; equal ones share their entries. One that cannot be read is left out, and the series warns of it. */
export function takeLuts(header: SeriesHeader): void {
  const tables = new Map<string, Uint16Array | null>();
  for (const [key, data] of Object.entries(header.luts ?? {})) tables.set(key, decode(data));
  for (const frame of header.frames) {
    const luts: VoiLut[] = [];
    for (const [position, named] of (frame.voi_luts ?? []).entries()) {
      const data = header.luts?.[named.lut];
      const table = tables.get(named.lut);
      if (data && table) luts.push({ name: named.explanation?.trim() ?? '', position, first: data.first, bits: data.bits, table });
      else if (!header.warnings.includes('voi_lut_unusable')) header.warnings.push('voi_lut_unusable');
    }
    frame.luts = luts;
  }
}

export function lutName(lut: VoiLut): string {
  return lut.name || `VOI LUT ${lut.position + 1}`;
}

/** Grey 0…1 of a value: the straight line between the entries of two whole inputs, the end entries beyond the ends. */
export function lutGrey(lut: VoiLut, value: number): number {
  const last = lut.table.length - 1;
  const place = Math.min(Math.max(value - lut.first, 0), last);
  const below = Math.floor(place);
  const low = lut.table[below] as number;
  const high = lut.table[Math.min(below + 1, last)] as number;
  return (low + (high - low) * (place - below)) / (2 ** lut.bits - 1);
}

/** Values between which the table changes; below and above it is flat. */
export function lutRange(lut: VoiLut): [number, number] {
  const { table, first } = lut;
  let from = 0;
  let to = table.length - 1;
  while (from < to && table[from + 1] === table[0]) from += 1;
  while (to > from && table[to - 1] === table[table.length - 1]) to -= 1;
  return [first + from, first + to];
}

/** A straight window over the same values, where a drag begins. */
export function lutWindow(lut: VoiLut): Window {
  const [from, to] = lutRange(lut);
  return { center: (from + to) / 2, width: Math.max(to - from, 1), function: 'LINEAR_EXACT' };
}

/** The table of another image that stands for this one: same place and explanation in its header, else this one itself. */
export function counterpart(frame: Frame, lut: VoiLut): VoiLut {
  return frame.luts?.find((other) => other.position === lut.position && other.name === lut.name) ?? lut;
}
