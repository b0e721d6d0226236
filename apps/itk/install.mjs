/**
 * `node apps/itk/install.mjs <environment>`: lays into a Python environment what `from itkwidgets import view` needs to work in it without a
 * network: the viewer (`share/jupyter/labextensions/hub-itk`, which JupyterLab serves), the bridge (`hub_itk`) and the line that loads it
 * into every kernel. The viewer's packages are fetched as they are, without the hundreds that their builders used, and checked against the
 * digests in `package.json` (`viewerAssets`).
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '..', '..')
const environment = resolve(process.argv[2] ?? '')
if (!process.argv[2] || !existsSync(join(environment, 'bin', 'python'))) throw new Error('usage: node apps/itk/install.mjs <Python environment>')
const wanted = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).viewerAssets

/** What is taken from each package → where it lies beside the viewer page. The readers of files are not needed: images come from the kernel. */
const TAKEN = {
  'itk-vtk-viewer': { dist: '.' },
  'itk-viewer-bootstrap-ui': { 'dist/bootstrapUIMachineOptions.js.es.js': 'ui.js' },
}
const LEFT = new Set(['image-io', 'mesh-io', 'index.html', 'manifest.json', 'serviceWorker.js', 'workbox-8ebd3307.js', 'itkVtkViewerCDN.js', 'itkVtkViewerCDN.js.LICENSE.txt', 'itkVtkViewerCDN.worker.js.LICENSE.txt', '124.itkVtkViewerCDN.js', 'favicon-32x32.png'])
const COMPRESSED = /\.(?:js|wasm|html)$/

function fetchPackage(name, into) {
  const { version, integrity } = wanted[name]
  const file = execFileSync('npm', ['pack', '--silent', `${name}@${version}`], { cwd: into, encoding: 'utf8' }).trim().split('\n').pop()
  const [algorithm, digest] = integrity.split(/-(.*)/s)
  const found = createHash(algorithm).update(readFileSync(join(into, file))).digest('base64')
  if (found !== digest) throw new Error(`${name}@${version}: the package is not the one that was reviewed (${algorithm} differs)`)
  const folder = join(into, name)
  mkdirSync(folder)
  execFileSync('tar', ['-xzf', join(into, file), '-C', folder])
  return join(folder, 'package')
}

function compress(folder) {
  for (const entry of readdirSync(folder, { recursive: true })) {
    const file = join(folder, entry)
    if (COMPRESSED.test(entry) && statSync(file).isFile()) writeFileSync(`${file}.gz`, gzipSync(readFileSync(file), { level: 6 }))
  }
}

function viewer(target) {
  const work = mkdtempSync(join(tmpdir(), 'hub-itk-'))
  const made = `${target}.new`
  rmSync(made, { recursive: true, force: true })
  try {
    mkdirSync(made, { recursive: true })
    for (const [name, files] of Object.entries(TAKEN)) {
      const source = fetchPackage(name, work)
      for (const [from, to] of Object.entries(files)) {
        cpSync(join(source, from), join(made, to), { recursive: true, filter: (path) => !LEFT.has(path.split('/').pop()) })
      }
    }
    cpSync(join(here, 'viewer'), made, { recursive: true })
    compress(made)
    rmSync(target, { recursive: true, force: true })
    renameSync(made, target)
  } finally {
    rmSync(work, { recursive: true, force: true })
    rmSync(made, { recursive: true, force: true })
  }
}

function bridge() {
  const python = readdirSync(join(environment, 'lib')).find((name) => name.startsWith('python3'))
  const target = join(environment, 'lib', python, 'site-packages', 'hub_itk')
  rmSync(target, { recursive: true, force: true })
  cpSync(join(here, 'bridge'), target, { recursive: true, filter: (path) => !path.endsWith('__pycache__') })
  const folder = join(environment, 'etc', 'ipython')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'ipython_kernel_config.py'), 'c.IPKernelApp.extensions = ["hub_itk"]\n')
}

viewer(join(environment, 'share', 'jupyter', 'labextensions', 'hub-itk'))
bridge()
