/** Cornerstone's side of the store: image ids `px:<viewer>/<study>/<series>/<index>`, images, and metadata modules. */
import { Enums, imageLoader, metaData, utilities, cache, type Types } from '@cornerstonejs/core';
import { filtered, type FilterSetting } from './filter';
import type { Frame } from './frame';
import { planeOf } from './geometry';
import type { Measured } from './measure/kinds';
import { displayValues, type FramePixels } from './pixels';
import type { ImageSource } from './source';
import type { Language } from './words';

/** What only the viewer knows of an image. */
interface Facts {
  modality: () => string | null;
  language: () => Language;
  /** The frame, with what is calibrated for it. */
  calibrated: (frame: Frame) => Frame;
  /** What is drawn instead of the pixels. */
  filter: () => FilterSetting | null;
}

interface Source extends Facts {
  series: ImageSource;
  index: number;
}

const sources = new Map<string, Source>();

export function imageIdOf(viewer: string, series: ImageSource, index: number): string {
  return `${sourcePrefix(viewer, series)}${index}`;
}

/** What the ids of all images of a source in a viewer begin with. */
export function sourcePrefix(viewer: string, series: ImageSource): string {
  return `px:${viewer}/${series.key.study}/${series.key.series}${series.variant}/`;
}

/** The frame an image id stands for, or null when it is not (or no longer) one of ours. */
export function sourceOf(imageId: string | undefined): Measured | null {
  const source = imageId === undefined ? undefined : sources.get(imageId);
  if (!source || source.series.header === null) return null;
  return { series: source.series, index: source.index, frame: source.calibrated(source.series.frame(source.index)), modality: source.modality(), language: source.language() };
}

export function addSource(imageId: string, series: ImageSource, index: number, facts: Facts): void {
  sources.set(imageId, { series, index, ...facts });
}

/** Forgets every image that answers the test: pixels in Cornerstone's cache and our entry. */
export function removeSources(test: (imageId: string, series: ImageSource) => boolean): void {
  for (const [imageId, { series }] of [...sources]) {
    if (!test(imageId, series)) continue;
    if (cache.getImageLoadObject(imageId)) cache.removeImageLoadObject(imageId, { force: true });
    sources.delete(imageId);
  }
}

/** Cornerstone asks for these images anew when it needs them. Those under way are waited for: forgotten meanwhile, it would count them for ever. */
export async function forgetImages(imageIds: readonly string[]): Promise<void> {
  await Promise.allSettled(imageIds.map((imageId) => cache.getImageLoadObject(imageId)?.promise));
  for (const imageId of imageIds) if (cache.getImageLoadObject(imageId)) cache.removeImageLoadObject(imageId, { force: true });
}

export function sourceCount(): number {
  return sources.size;
}

function imageOf(imageId: string, frame: Frame, pixels: FramePixels, filter: FilterSetting | null): Types.IImage {
  const scalarData = displayValues(frame, filter ? { ...pixels, values: filtered(frame, pixels, filter) } : pixels);
  const colour = frame.samples === 3;
  const { spacing } = planeOf(frame);
  const image = {
    imageId,
    minPixelValue: pixels.min,
    maxPixelValue: pixels.max,
    slope: 1,
    intercept: 0,
    // The curve is ours (cell.ts); Cornerstone's own window never reaches the screen.
    windowCenter: 127.5,
    windowWidth: 255,
    voiLUTFunction: Enums.VOILUTFunctionType.LINEAR,
    getPixelData: () => scalarData,
    rows: frame.rows,
    columns: frame.columns,
    height: frame.rows,
    width: frame.columns,
    color: colour,
    rgba: false,
    numberOfComponents: frame.samples,
    columnPixelSpacing: spacing[0],
    rowPixelSpacing: spacing[1],
    invert: false,
    photometricInterpretation: colour ? 'RGB' : 'MONOCHROME2',
    sizeInBytes: scalarData.byteLength,
    dataType: scalarData.constructor.name as Types.PixelDataTypedArrayString,
    preScale: { enabled: true, scaled: true, scalingParameters: { rescaleSlope: 1, rescaleIntercept: 0 } },
    voxelManager: utilities.VoxelManager.createImageVoxelManager({
      width: frame.columns,
      height: frame.rows,
      numberOfComponents: frame.samples,
      scalarData,
    }),
  };
  return image as unknown as Types.IImage;
}

function load(imageId: string): { promise: Promise<Types.IImage>; cancelFn?: () => void } {
  const source = sources.get(imageId);
  if (!source) return { promise: Promise.reject(new Error(`unknown image ${imageId}`)) };
  return { promise: source.series.arrival(source.index).then((pixels) => imageOf(imageId, source.series.frame(source.index), pixels, source.filter())) };
}

function metadata(type: string, imageId: unknown): unknown {
  if (typeof imageId !== 'string' || !imageId.startsWith('px:')) return undefined;
  const source = sourceOf(imageId);
  if (!source) return undefined;
  const { frame, series, modality } = source;
  switch (type) {
    case Enums.MetadataModules.IMAGE_PLANE: {
      const plane = planeOf(frame);
      return {
        frameOfReferenceUID: frame.frame_of_reference || series.key.series,
        rows: frame.rows,
        columns: frame.columns,
        imageOrientationPatient: [...plane.row, ...plane.column],
        rowCosines: [...plane.row],
        columnCosines: [...plane.column],
        imagePositionPatient: [...plane.origin],
        sliceThickness: frame.thickness,
        sliceLocation: frame.slice_location,
        pixelSpacing: [plane.spacing[1], plane.spacing[0]],
        rowPixelSpacing: plane.spacing[1],
        columnPixelSpacing: plane.spacing[0],
        usingDefaultValues: frame.spacing === null,
      };
    }
    case Enums.MetadataModules.IMAGE_PIXEL:
      return {
        samplesPerPixel: frame.samples,
        photometricInterpretation: frame.samples === 3 ? 'RGB' : 'MONOCHROME2',
        rows: frame.rows,
        columns: frame.columns,
        bitsAllocated: frame.samples === 3 ? 8 : frame.bits,
        bitsStored: frame.samples === 3 ? 8 : frame.bits,
        highBit: (frame.samples === 3 ? 8 : frame.bits) - 1,
        pixelRepresentation: frame.signed ? 1 : 0,
      };
    case Enums.MetadataModules.GENERAL_SERIES:
      // Cornerstone scales PT by itself when it is told so: values here are final.
      return { modality: modality === 'PT' ? 'OT' : (modality ?? 'OT'), seriesInstanceUID: series.key.series, studyInstanceUID: series.key.study };
    case Enums.MetadataModules.MODALITY_LUT:
      return { rescaleSlope: 1, rescaleIntercept: 0, rescaleType: frame.rescale_type ?? undefined };
    case Enums.MetadataModules.VOI_LUT:
      return { windowCenter: [127.5], windowWidth: [255] };
    case Enums.MetadataModules.GENERAL_IMAGE:
      return { sopInstanceUID: frame.sop_uid, instanceNumber: frame.number };
    default:
      return undefined;
  }
}

let registered = false;

/** Tells Cornerstone about `px:`, once for the page. */
export function registerPixelLoader(): void {
  if (registered) return;
  registered = true;
  imageLoader.registerImageLoader('px', load as unknown as Types.ImageLoaderFn);
  metaData.addProvider(metadata, 10_000);
}
