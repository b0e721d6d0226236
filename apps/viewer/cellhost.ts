/** What a cell needs of the viewer around it, and what it is asked to show. */
import type { RenderingEngine } from '@cornerstonejs/core';
import type { Cell } from './cell';
import type { CornerLayout } from './corners';
import type { ReadersGrey } from './display';
import type { ToolGroup, ToolName } from './engine';
import type { FilterSetting } from './filter';
import type { Frame } from './frame';
import type { Shapes } from './lines';
import type { Vector } from './orientation';
import type { ShownOverlay } from './overlays/overlay';
import type { Planes } from './overlays/planes';
import type { Choice } from './presets';
import type { ImageSource } from './source';
import type { Turn } from './turned';
import type { Window } from './window';
import type { Language } from './words';

export interface CellHost {
  readonly id: string;
  readonly language: Language;
  readonly author: string;
  readonly tool: ToolName;
  readonly corners: CornerLayout | undefined;
  readonly engine: RenderingEngine;
  readonly group: ToolGroup;
  /** Something of the state of this cell changed. */
  changed(cell: Cell): void;
  /** An image of a newly shown series is on the screen. */
  shown(cell: Cell): void;
  failed(cell: Cell, words: string): void;
  retry(cell: Cell): void;
  /** Another image comes into the cell: what is half drawn must not go on there. */
  stopDrawing(): void;
  /** The reader's own preset that applies by itself to what the cell shows; null when none does, or it is not known yet. */
  automatic(cell: Cell): Choice | null;
  /** The view was zoomed or moved; it was turned or mirrored by the reader; its window was changed by the reader. */
  viewed(cell: Cell): void;
  turned(cell: Cell): void;
  /** It was turned by something else than its reader's hand. */
  laid(cell: Cell): void;
  windowed(cell: Cell): void;
  /** A frame of a source, with what is calibrated for it. */
  calibrated(source: ImageSource, frame: Frame): Frame;
  /** Who marked the image in the cell as a key image: '' here, else what singled it out; null: nobody. */
  markedBy(cell: Cell): string | null;
  /** Whether the cell shows the images that the planes beside it are made of. */
  received(cell: Cell): boolean;
  filterOf(source: ImageSource): FilterSetting | null;
  /** What others drew on the images, while it is shown. */
  readonly foreign: ShownOverlay | null;
  /** Overlay planes of the images themselves. */
  readonly planes: Planes;
  /** Another image is on the screen. */
  moved(cell: Cell): void;
  /** Lines of other views on this one, the 3D point, and the reader's curve. */
  linesOn(cell: Cell): Shapes;
  /** The left button at a place of the cell, CSS pixels. */
  aim(cell: Cell, press: 'down' | 'drag', canvas: readonly [number, number]): void;
  /** Images of a computed source go: what is drawn on them waits for others of the same plane. */
  leaving(source: ImageSource): void;
  /** The header of a series is here: measurements that waited for it can be drawn. */
  known(series: ImageSource): void;
}

export interface CellRequest {
  /** Position to open at; the middle when not given. */
  index?: number;
  /** Only these frames of the series, by their index, in this order. */
  frames?: number[];
  window?: Window;
  /** What the reader had made of the greys of these images elsewhere. */
  grey?: ReadersGrey;
  /** Which way round; as received when absent. */
  turn?: Turn;
  /** Zoom (1 fits), and the place of the patient in the middle of the view, LPS mm; the whole image when absent. */
  framing?: { zoom: number; middle: Vector };
}
