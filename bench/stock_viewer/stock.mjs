// A page with Cornerstone's own WADO-RS loader, as its documentation sets it up: the peer of the series stream.
import { cache, imageLoader, init as initCore } from '@cornerstonejs/core';
import { init as initLoader, wadors } from '@cornerstonejs/dicom-image-loader';

let started = false;

/** Milliseconds until every image of a series is decoded and in the cache; its metadata were fetched before. */
globalThis.loadSeries = async (base, study, series) => {
  if (!started) {
    initCore();
    initLoader({ maxWebWorkers: Math.max(1, Math.min(4, navigator.hardwareConcurrency - 1)) });
    started = true;
  }
  const root = `${base}/studies/${study}/series/${series}`;
  const metadata = await (await fetch(`${root}/metadata`, { headers: { Accept: 'application/dicom+json' } })).json();
  const imageIds = metadata.map((instance) => {
    const imageId = `wadors:${root}/instances/${instance['00080018'].Value[0]}/frames/1`;
    wadors.metaDataManager.add(imageId, instance);
    return imageId;
  });
  const start = performance.now();
  const images = await Promise.all(imageIds.map((imageId) => imageLoader.loadAndCacheImage(imageId)));
  const spent = performance.now() - start;
  const sums = images.map((image) => image.getPixelData().reduce((sum, value) => sum + value, 0));
  cache.purgeCache();
  return [spent, images.length, sums];
};
