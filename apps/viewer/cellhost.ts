/** What a cell needs of the viewer around it, and what it is asked to show. */
import type { RenderingEngine } from '@cornerstonejs/core';
import type { Cell } from './cell';
import type { CornerLayout } from './corners';
import type { ToolGroup } from './engine';
import type { Series } from './store';
import type { Window } from './window';
import type { Language } from './words';

export interface CellHost {
  readonly id: string;
  readonly language: Language;
  readonly author: string;
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
  /** The header of a series is here: measurements that waited for it can be drawn. */
  known(series: Series): void;
}

export interface CellRequest {
  /** Position to open at; the middle when not given. */
  index?: number;
  /** Only these frames of the series, by their index, in this order. */
  frames?: number[];
  window?: Window;
}
