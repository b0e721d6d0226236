// Writes the stock page's script to the file named: Cornerstone with its own loader; only the decoders of compressed images are left out.
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const WORKER = /new Worker\(\s*new URL\('\.\/decodeImageFrameWorker\.js', import\.meta\.url\),\s*\{\s*type: 'module',?\s*\}\s*\)/;
const common = { bundle: true, platform: 'browser', target: 'es2022', minify: true, write: false, define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis', 'import.meta.url': 'self.location.href' } };

const leaveOut = {
  name: 'leave-out',
  setup(bundle) {
    bundle.onResolve({ filter: /^(fs|path|events|crypto|url|util|stream|zlib|os|child_process|module|buffer|xmlbuilder2)$/ }, (args) => ({ path: args.path, namespace: 'empty' }));
    bundle.onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'module.exports = {};', loader: 'js' }));
    bundle.onLoad({ filter: /shared[\\/]decoders[\\/]decode(JPEG|HTJ2K).*\.js$/ }, () => ({ contents: 'export default function compressed() { throw new Error("compressed"); } export const initialize = compressed;', loader: 'js' }));
    bundle.onLoad({ filter: /tools[\\/]dist[\\/]esm[\\/]utilities[\\/]registerComputeWorker\.js$/ }, () => ({ contents: 'export function registerComputeWorker() {}', loader: 'js' }));
  },
};

const worker = await build({ ...common, entryPoints: [join(here, '../../node_modules/@cornerstonejs/dicom-image-loader/dist/esm/decodeImageFrameWorker.js')], format: 'iife', plugins: [leaveOut] });
const text = worker.outputFiles[0].text;
const inline = {
  name: 'inline-worker',
  setup(bundle) {
    bundle.onLoad({ filter: /dicom-image-loader[\\/]dist[\\/]esm[\\/]init\.js$/ }, async (args) => {
      const source = await readFile(args.path, 'utf8');
      if (!WORKER.test(source)) throw new Error('the loader makes its worker in another way than this build knows');
      return { contents: source.replace(WORKER, () => `new Worker(URL.createObjectURL(new Blob([${JSON.stringify(text)}], { type: 'text/javascript' })))`), loader: 'js' };
    });
  },
};
await build({ ...common, write: true, entryPoints: [join(here, 'stock.mjs')], format: 'iife', plugins: [inline, leaveOut], outfile: process.argv[2] });
