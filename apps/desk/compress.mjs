/** Writes `.br` and `.gz` beside every built file of `apps/dist`, once at build time, so that the pages service compresses nothing. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const dist = process.env.HUB_DIST ?? join(dirname(fileURLToPath(import.meta.url)), '..', 'dist')
const TEXT = /\.(js|mjs|css|svg|json|wasm|html|txt|map)$/

for (const name of readdirSync(dist)) {
  const path = join(dist, name)
  if (!TEXT.test(name) || !statSync(path).isFile()) continue
  const raw = readFileSync(path)
  if (raw.length < 512) continue
  // Quality 11 takes half a minute on megabytes of decoders for one percent: 9 above 1 MB.
  const quality = raw.length > 1_000_000 ? 9 : 11
  writeFileSync(`${path}.br`, brotliCompressSync(raw, { params: { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_SIZE_HINT]: raw.length } }))
  writeFileSync(`${path}.gz`, gzipSync(raw, { level: 9 }))
}
