/** `npm run build`: the desks, then the viewer (built by itself because it brings workers and decoders), then compression. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const apps = join(dirname(fileURLToPath(import.meta.url)), '..')
const run = (file, ...rest) => execFileSync(process.execPath, [file, ...rest], { stdio: 'inherit', cwd: join(apps, '..') })

run(join(apps, '..', 'node_modules', 'vite', 'bin', 'vite.js'), 'build', '--config', join(apps, 'vite.config.ts'))
const viewer = join(apps, 'viewer', 'build.mjs')
if (existsSync(viewer)) run(viewer)
run(join(apps, 'desk', 'compress.mjs'))
