/** What the node says about one frame and one series (docs/interfaces.md, §5). Lengths are mm, coordinates LPS. */
import type { LutData, VoiLut } from './lut';

/** How a window maps values to grey (PS3.3 C.11.2.1.3). */
export type WindowFunction = 'LINEAR' | 'LINEAR_EXACT' | 'SIGMOID';

/** One window of the header (0028,1050/1051/1055/1056). */
export interface HeaderWindow {
  center: number;
  width: number;
  function?: string | null;
  explanation?: string | null;
}

/** Where the mm of a frame come from: anatomy, the detector plane, an ultrasound region, or nowhere. */
export type SpacingKind = 'pixel' | 'imager' | 'region' | 'none';

export interface Region {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
  spacing: [number, number];
}

/** What a picture computed from others says of itself. */
export interface ComputedPlane {
  name: 'axial' | 'coronal' | 'sagittal';
  /** Turned away from the patient's axes. */
  turned: boolean;
  /** How a slab became one value; null for a single plane. */
  slab: 'mean' | 'max' | 'min' | null;
  /** Distance to the next plane, mm. */
  step: number;
}

/** What a curved planar reformation says of itself. */
export interface CurvedPlane {
  mode: 'straightened' | 'stretched';
  /** About the curve, degrees. */
  angle: number;
  slab: 'mean' | 'max' | 'min' | null;
  /** Of the curve, mm. */
  length: number;
  /** Where the rows go in the patient (LPS); null where they differ too much along the curve. */
  readonly direction: readonly [number, number, number] | null;
}

/** A VOI LUT of the header: the table's key in the series header. */
export interface NamedLut {
  lut: string;
  explanation: string | null;
}

export interface Frame {
  index: number;
  sop_uid: string;
  frame: number;
  number: number | null;
  rows: number;
  columns: number;
  bits: 8 | 16 | 32;
  signed: boolean;
  samples: 1 | 3;
  photometric: string;
  slope: number | null;
  intercept: number | null;
  rescale_type: string | null;
  /** Grey is inverted after window or VOI LUT (Photometric Interpretation, Presentation LUT Shape). */
  inverse?: boolean;
  windows: HeaderWindow[];
  voi_luts?: NamedLut[];
  /** The tables themselves, put here when the series header is taken. */
  luts?: VoiLut[];
  /** [between rows, between columns]; null when the header gives none or zero. */
  spacing: [number, number] | null;
  spacing_kind: SpacingKind;
  /** mm by a known length (V-17), as `spacing`: what measures uses it in place of the header's; where the image lies does not. */
  calibrated?: [number, number] | null;
  /** Calibrated ultrasound regions, clipped to the picture; ends inclusive. `spacing` as above. */
  regions?: Region[] | null;
  /** A region reached beyond the picture: it was cut or shrunk after calibration, its mm are not certain. */
  outside?: boolean;
  position: number[] | null;
  orientation: number[] | null;
  frame_of_reference: string | null;
  slice_location: number | null;
  thickness: number | null;
  patient_position: string | null;
  laterality: string | null;
  padding: number | null;
  frame_time: number | null;
  smallest: number | null;
  largest: number | null;
  /** The image has overlay planes of its own (group 60xx). */
  planes?: boolean;
  plane?: ComputedPlane;
  curved?: CurvedPlane;
}

export interface SeriesHeader {
  frames: Frame[];
  /** Indexes in the order of the stream: the middle first, then outwards. */
  order: number[];
  warnings: string[];
  /** VOI LUTs of all frames by key. */
  luts?: Record<string, LutData>;
}

/** Bytes of one frame's native pixels. */
export function frameBytes(frame: Frame): number {
  return frame.rows * frame.columns * frame.samples * (frame.bits / 8);
}
