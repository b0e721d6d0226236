// Builds the viewer into one hashed module: apps/dist/viewer-<hash>.js (+ .br, .gz) and apps/dist/viewer.json {js}.
//
// The node decodes every transfer syntax to native pixels, so no codec, no WebAssembly and no decode worker is bundled.
// Cornerstone's compute worker (segmentation statistics) would bring a second copy of core and tools (3 MB): it is
// replaced by a thrower, as are Node's built-in modules and vtk.js' XML reader. Left out as well: vtk.js' WebGPU side (Cornerstone
// draws by WebGL 2 only) and dcmjs, of which a reader that parses no DICOM needs a logger and the tags Cornerstone looks up at its
// import (dcmjs.mjs).
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';

import { dcmjsParts } from './dcmjs.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const dist = process.env.VIEWER_DIST ?? join(here, '..', 'dist');

/** Paths (as imported or as resolved) that are not for the browser or not for this viewer. */
const EMPTY_MODULES = /^(fs|path|events|crypto|url|util|stream|zlib|os|child_process|module|buffer|xmlbuilder2)$/;

/** One place where every replaced source file is named; a file that no longer matches stops the build. */
const REPLACED = [
  {
    file: /tools[\\/]dist[\\/]esm[\\/]utilities[\\/]registerComputeWorker\.js$/,
    contents: 'export function registerComputeWorker() { throw new Error("viewer: the compute worker is not part of this build"); }',
  },
  {
    file: /tools[\\/]dist[\\/]esm[\\/]tools[\\/]displayTools[\\/]registerBuiltInSegmentationRepresentationDisplays\.js$/,
    contents: 'export function registerBuiltInSegmentationRepresentationDisplays() {}',
  },
  { file: /vtk\.js[\\/]Rendering[\\/]WebGPU[\\/]Profiles[\\/]\w+\.js$/, contents: '' },
  { file: /dcmjs[\\/]build[\\/]dcmjs\.es\.js$/, contents: await dcmjsParts() },
];

/** Small corrections in place; the build stops when the text is no longer there. */
const CORRECTED = [
  {
    // A style attribute is refused by a page whose policy allows no inline style; the style object is not.
    file: /tools[\\/]dist[\\/]esm[\\/]drawingSvg[\\/]drawTextBox\.js$/,
    from: "textElement.setAttribute('style', combinedStyle);",
    to: 'textElement.style.cssText = combinedStyle;',
  },
];

const seen = new Set();
const leaveOut = {
  name: 'leave-out',
  setup(bundle) {
    bundle.onResolve({ filter: EMPTY_MODULES }, (args) => ({ path: args.path, namespace: 'empty' }));
    bundle.onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'module.exports = {};', loader: 'js' }));
    for (const { file, from, to } of CORRECTED) {
      bundle.onLoad({ filter: file }, async (args) => {
        const text = await readFile(args.path, 'utf8');
        if (!text.includes(from)) throw new Error(`viewer build: ${args.path} no longer contains ${from}`);
        seen.add(file);
        return { contents: text.replace(from, to), loader: 'js' };
      });
    }
    for (const { file, contents } of REPLACED) {
      bundle.onLoad({ filter: file }, () => {
        seen.add(file);
        return { contents, loader: 'js' };
      });
    }
  },
};

const result = await build({
  entryPoints: [join(here, 'bundle.ts')],
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  minify: process.env.VIEWER_DEBUG === undefined,
  legalComments: 'none',
  define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis' },
  plugins: [leaveOut],
  outfile: 'viewer.js',
  write: false,
  metafile: true,
  logLevel: 'warning',
});

for (const { file } of [...REPLACED, ...CORRECTED]) {
  if (!seen.has(file)) throw new Error(`viewer build: ${file} is no longer imported; check the replacement in build.mjs`);
}
const code = result.outputFiles[0].contents;
if (/new Worker\(\s*new URL/.test(result.outputFiles[0].text)) {
  throw new Error('viewer build: a worker is addressed relative to the module and would be dead in the browser');
}

const name = `viewer-${createHash('sha256').update(code).digest('hex').slice(0, 16)}.js`;
await mkdir(dist, { recursive: true });
for (const old of await readdir(dist)) {
  if (/^viewer-[0-9a-f]{16}\.js(\.br|\.gz)?$/.test(old) && !old.startsWith(name)) await rm(join(dist, old), { force: true });
}

/** Written beside and renamed, so that a server reading at this moment never sees half a file. */
async function put(file, bytes) {
  await writeFile(join(dist, `${file}.part`), bytes);
  await rename(join(dist, `${file}.part`), join(dist, file));
}
const brotli = brotliCompressSync(code, { params: { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_SIZE_HINT]: code.length } });
const gzip = gzipSync(code, { level: 9 });
await put(name, code);
await put(`${name}.br`, brotli);
await put(`${name}.gz`, gzip);
await put('viewer.json', JSON.stringify({ js: name }));
if (process.env.VIEWER_META) await writeFile(process.env.VIEWER_META, JSON.stringify(result.metafile));
const kilobytes = (bytes) => `${Math.round(bytes.length / 1024)} kB`;
console.log(`${name}: ${kilobytes(code)}, br ${kilobytes(brotli)}, gz ${kilobytes(gzip)}`);
