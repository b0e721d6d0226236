/**
 * The viewer's public face, for desks and notebooks. Light: importing it loads nothing; `mountViewer` fetches the hashed
 * bundle (`apps/dist/viewer.json`) by its address, once for the page, and `preloadViewer` does so ahead of time.
 */
import type { CaseInfo, CornerLayout } from './corners';
import type { ToolName } from './engine';
import type { CineSetting } from './cine';
import type { FilterSetting } from './filter';
import type { WindowFunction } from './frame';
import type { HangRequest, HungRequest } from './hanging/hung';
import type { Screen } from './hanging/own';
import type { KeyImage, MadeKeyImage } from './keyimages';
import type { Measurement } from './measurements';
import type { OwnKeys } from './keys';
import type { LayoutName } from './layout';
import type { OverlayData, OverlayLook } from './overlays/overlay';
import type { Place } from './point';
import type { Presentation } from './presentation';
import type { OwnPreset } from './presets';
import type { RenderingChange, RenderingState } from './rendering/view';
import type { CprMode } from './volume/curved/unrolled';
import type { MaskKind } from './volume/mask';
import type { PlaneName } from './volume/planes';
import type { Slab } from './volume/reformat';

export type { CaseInfo, CornerLayout } from './corners';
export type { HangRequest, HungRequest } from './hanging/hung';
export type { Screen } from './hanging/own';
export type { KeyImage, MadeKeyImage, Making } from './keyimages';
export type { Measurement } from './measurements';
export type { CineSetting } from './cine';
export type { FilterSetting } from './filter';
export type { ToolName } from './engine';
export type { OwnKeys } from './keys';
export type { OverlayData, OverlayLayer, OverlayLook, OverlayShape } from './overlays/overlay';
export type { Place } from './point';
export type { Presentation } from './presentation';
export type { Reconstruction } from './reconstruction';
export type { OwnPreset } from './presets';
export type { MaskKind } from './volume/mask';
export type { PlaneName } from './volume/planes';
export type { Slab } from './volume/reformat';

export interface WindowSetting {
  center: number;
  width: number;
  function?: WindowFunction;
}

export type { LayoutName } from './layout';

export interface ViewerOptions {
  lang?: 'zh' | 'en';
  /** Who measures; written into each measurement. */
  author?: string;
  /** Prefix of the image service on this origin. */
  base?: string;
  /** Called with the state after every change (at most once a frame). */
  onState?: (state: ViewerState) => void;
  layout?: LayoutName;
  tool?: ToolName;
  corners?: CornerLayout;
  /** Functions the user has, by their ids in `toolset.ts`; all when not given. */
  tools?: readonly string[];
  /** Address of the bundle; default: `modules.viewer` of the page's `#page` document, else `viewer` of `#desk-config`. */
  url?: string;
}

export interface ShowRequest {
  study: string;
  series: string;
  /** Position to open at (0-based); the middle when not given. */
  index?: number;
  /** Only these frames, by index within the series. */
  frames?: number[];
  /** Cell of the grid; the active one when not given. */
  cell?: number;
  window?: WindowSetting;
  /** Computed from the series' images instead of these (V-27). */
  plane?: PlaneName;
  /** Facts for the corners; what is missing is read from the study's summary. */
  info?: CaseInfo;
}

export interface SeriesRef {
  study: string;
  series: string;
}

/** One image of a series. */
export interface ImageRef extends SeriesRef {
  sop_uid: string;
  frame: number;
  /** Within the series, 0-based. */
  index: number;
}

export interface ViewerState {
  study: string | null;
  series: string | null;
  modality: string | null;
  /** Image on the screen, 0-based; −1 before the first one. */
  index: number;
  count: number;
  loaded: number;
  phase: 'empty' | 'waiting' | 'loading' | 'complete' | 'failed' | 'unsupported';
  /** Null before the first image, and while a VOI LUT is drawn. */
  window: Required<WindowSetting> | null;
  /** Name of the VOI LUT that is drawn. */
  lut: string | null;
  /** 1: none. */
  gamma: number;
  inverted: boolean;
  zoom: number;
  pan: [number, number];
  /** Clockwise, degrees to a tenth, 0 … 359.9; after mirroring left and right. */
  rotation: number;
  mirrored: boolean;
  tool: ToolName;
  layout: LayoutName;
  active: number;
  filter: FilterSetting | null;
  /** What is being played; null when nothing is. */
  cine: CineSetting | null;
  /** Whether the views go together. */
  linked: boolean;
  /** Whether the grid shows planes of one series. */
  mpr: boolean;
  /** Which computed plane the active cell shows; null for received images. */
  plane: PlaneName | null;
  slab: Slab | null;
  curve: CurveState | null;
  /** The volume rendering (V-32), while one is shown. */
  rendering: RenderingState | null;
  /** What is taken out of the planes of the active cell's series. */
  removed: MaskKind[];
  /** Overlay planes (group 60xx) of the active cell's image and the switch for all; null where it has none. */
  planes: { on: boolean; layers: { label: string; colour: string }[] } | null;
  /** The place all views show, LPS mm. */
  point: [number, number, number] | null;
  warnings: string[];
  /** In the order of the number keys 1…9; `own`: the reader's own. */
  presets: { id: string; label: string; own: boolean }[];
  /** Description of the active cell's series, when it is known. */
  description: string | null;
}

/** The curve of a curved reformat (CPR), while one is drawn or shown. */
export interface CurveState {
  /** LPS mm. */
  points: [number, number, number][];
  /** mm along the curve; null with fewer than two points. */
  length: number | null;
  mode: CprMode;
  /** mm across. */
  width: number;
  /** About the curve, degrees; null while no CPR is shown. */
  angle: number | null;
}

export interface CprChange {
  mode?: CprMode;
  /** mm, 10…200. */
  width?: number;
  /** Degrees. */
  angle?: number;
}

export interface ViewerEvents {
  state: ViewerState;
  /** A picture of a newly shown series is on the screen. */
  shown: SeriesRef & { index: number; cell: number };
  failed: SeriesRef & { words: string; cell: number };
  measurements: Measurement[];
  /** A key image was made in this viewer, with its picture. */
  keyImage: MadeKeyImage;
  /** None could be made; why, in words. */
  keyImageFailed: string;
  /** All that the viewer knows, when one was made. */
  keyImages: KeyImage[];
  /** Id of what is proposed on an image and not confirmed; null when nothing is any more. */
  proposal: string | null;
  /** A series was dragged into a cell, which is active now: the page shows it, or not. */
  dropped: SeriesRef & { cell: number };
  /** By key: the next hanging protocol, or the present one anew. */
  hanging: 'next' | 'again';
  /** By key: the page's bone-age atlas is to be opened or closed. */
  boneAgeAtlas: null;
}

export interface Viewer {
  show(request: ShowRequest): void;
  /** Puts a whole screen up; the active cell's picture comes first. Cells without a request are emptied. */
  hang(request: HangRequest): void;
  /** The same screen with more: only cells that show nothing yet get something. */
  hangMore(layout: LayoutName, cells: (HungRequest | null)[]): void;
  /** What is shown where now. */
  screen(): Screen;
  /** Loads series in the background, in this order, behind whatever is being shown. */
  prefetch(series: SeriesRef | SeriesRef[]): void;
  clear(): void;
  setTool(tool: ToolName): void;
  setWindow(window: WindowSetting): void;
  preset(id: string): void;
  /** grey' = grey^(1/gamma), 0.2…5, after window or VOI LUT and before inversion; holds until reset. */
  setGamma(gamma: number): void;
  /** The reader's own presets; those that are automatic apply to matching series opened without a window, and to untouched ones on the screen. */
  setPresets(presets: OwnPreset[]): void;
  /** Other keys than the usual ones, by id of the command. */
  setKeys(keys: OwnKeys): void;
  /** Functions the user has (`toolset.ts`; `*`: all): the others have no key and no effect. */
  setTools(tools: readonly string[]): void;
  invert(): void;
  /** Turns the picture clockwise. */
  rotate(degrees: number): void;
  /** Turns the picture until its `rotation` is this: any angle, clockwise. */
  turnTo(degrees: number): void;
  /** Mirrors left and right, or top and bottom, of the screen. */
  flip(axis: 'horizontal' | 'vertical'): void;
  reset(): void;
  /** 1 mm of the patient as 1 mm on the glass (V-17). Asks how large the screen's pixels are when that is not known, or with `measure`. */
  trueSize(measure?: boolean): void;
  /** Plays the active cell's series; null stops. */
  play(setting: CineSetting | null): void;
  /** What others drew, on the images it names; null: none. */
  setOverlay(overlay: OverlayData | null): void;
  /** Whether the images' own overlay planes (group 60xx) are drawn; toggles without a value. */
  setPlanes(on?: boolean): void;
  /** Which of its layers are shown, and how densely. */
  setOverlayLook(look: OverlayLook): void;
  /** Whether scrolling, zoom, pan and window of the active view move the others too. */
  setLinked(on: boolean): void;
  /** Draws the active cell's series filtered; null as received. Values and measurements stay those received. */
  setFilter(filter: FilterSetting | null): void;
  /** Three planes of the active series beside its images, or back; toggles without a value. */
  mpr(on?: boolean): void;
  /** Thickness and projection of the active cell's plane; null for one plane. */
  setSlab(slab: Slab | null): void;
  /** In MPR: the curve of a CPR by its points (LPS mm), two at least to show it; null for none. */
  setCurve(points: [number, number, number][] | null): void;
  /** Shows the CPR of the points drawn so far. */
  finishCurve(): void;
  setCpr(change: CprChange): void;
  /** Volume rendering of the active series in its cell, or the images again; toggles without a value. */
  rendering(on?: boolean): void;
  setRendering(change: RenderingChange): void;
  /** Where a place of the patient (LPS mm) is in the rendering: CSS pixels of the browser window. */
  renderedAt(at: [number, number, number]): { x: number; y: number } | null;
  /** Takes these masks (as the masks service answers them) out of every plane of the active cell's series; none: the whole again. @throws Error for what is no mask. */
  setMasks(masks: readonly ArrayBuffer[]): void;
  /** A place in the space of the active cell, LPS mm: every view of that space goes there. */
  setPoint(at: [number, number, number]): void;
  scrollTo(index: number): void;
  /** Where the active cell shows a frame of an instance; −1 where it does not. */
  positionOf(sopUid: string, frame: number): number;
  /** The middle of the image in the active cell; null where its images have no place in the patient. */
  place(): Place | null;
  /** Every cell of that space shows the image nearest to the place. */
  follow(place: Place): void;
  setLayout(layout: LayoutName): void;
  setActive(cell: number): void;
  setLanguage(lang: 'zh' | 'en'): void;
  setInfo(info: CaseInfo): void;
  resize(): void;
  state(): ViewerState;
  measurements(): Measurement[];
  /** Replaces all measurements, one being drawn too, and forgets the steps to undo; those of series not loaded yet wait for them. */
  setMeasurements(list: Measurement[]): void;
  /** Adds, replaces and removes single ones, as they come from elsewhere: what is being drawn stays, undo does not touch them. */
  mergeMeasurements(changed: Measurement[], removed: string[]): void;
  removeMeasurement(id: string): void;
  keyImages(): KeyImage[];
  /** Replaces all: those of images are marked on them. Only `series` is needed of each, and `sop_uid` for the mark. */
  setKeyImages(list: Partial<KeyImage>[]): void;
  /** How the active view shows its picture; null before it has one. */
  presentation(): Presentation | null;
  /** Shows the active view's series that way: a plane, curve or rendering as it was, else its images as they are. A key image is one. */
  present(presentation: Presentation): void;
  /** Makes a key image of what the active view shows; `keyImage` tells it. */
  keepKeyImage(): void;
  /** The image in the active cell as it was received; null where there is none, and for computed pictures. */
  image(): ImageRef | null;
  /** Draws what a computation proposes, dashed; it is no measurement until the reader moves a point or confirms. False: its image is not shown. */
  propose(measurement: Measurement): boolean;
  confirmProposal(): void;
  dropProposal(): void;
  /** Takes back, or does again, the last change of the measurements. */
  undo(): void;
  redo(): void;
  /** Modality value (three for colour) at [column, row] of an image of the active cell; null outside or not loaded. */
  valueAt(point: [number, number], index?: number): number | number[] | null;
  /** Where a pixel of the active cell is in the browser window, CSS pixels. */
  screenOf(point: [number, number]): { x: number; y: number } | null;
  /** The canvas of a cell: the image alone. */
  canvas(cell?: number): HTMLCanvasElement | null;
  on<E extends keyof ViewerEvents>(event: E, handler: (value: ViewerEvents[E]) => void): () => void;
  dispose(): void;
}

interface Bundle {
  mountViewer(el: HTMLElement, options: ViewerOptions): Viewer;
}

let bundle: Promise<Bundle> | null = null;

function bundleUrl(url: string | undefined): string {
  if (url) return new URL(url, document.baseURI).href;
  const written = (id: string): Record<string, unknown> => JSON.parse(document.getElementById(id)?.textContent || '{}') as Record<string, unknown>;
  const modules = (written('page')['modules'] ?? {}) as { viewer?: string };
  const address = modules.viewer ?? (written('desk-config')['viewer'] as string | undefined);
  if (!address) throw new Error('viewer: this page names no bundle (modules.viewer of #page, or viewer of #desk-config), and no url was given');
  return new URL(address, document.baseURI).href;
}

/** Fetches and starts the bundle; call it when the page is idle, so that the first case does not pay for it. */
export async function preloadViewer(url?: string): Promise<void> {
  bundle ??= import(/* @vite-ignore */ bundleUrl(url)) as Promise<Bundle>;
  try {
    await bundle;
  } catch (problem) {
    bundle = null;
    throw problem;
  }
}

export async function mountViewer(el: HTMLElement, options: ViewerOptions = {}): Promise<Viewer> {
  await preloadViewer(options.url);
  return (await (bundle as Promise<Bundle>)).mountViewer(el, options);
}
