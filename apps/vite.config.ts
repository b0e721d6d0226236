/** One build for all desks: each `apps/<desk>/main.ts` is an entry; Vue is one shared chunk, Naive UI another one for those that use it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import vue from '@vitejs/plugin-vue'
import { defineConfig, type Plugin } from 'vite'

const apps = dirname(fileURLToPath(import.meta.url))

/** Entry name → file. `boot` is the script every page starts with; the rest are the desks. */
function entries(): Record<string, string> {
  // HUB_ENTRIES=coming,reading builds only these: tests of one desk need not wait for all.
  const only = process.env['HUB_ENTRIES']?.split(',')
  const found: Record<string, string> = { boot: join(apps, 'desk/shell/boot.ts') }
  for (const name of readdirSync(apps).sort()) {
    const main = join(apps, name, 'main.ts')
    if (name !== 'desk' && existsSync(main) && (!only || only.includes(name))) found[name] = main
  }
  return found
}

interface Built {
  js: string
  css: string[]
  imports: string[]
  /** The mark of all pages; at `boot` only. */
  icon?: string
}

/** Writes `manifest.json`: entry → its file, style sheets and the chunks it needs before it can run. */
function deskManifest(): Plugin {
  return {
    name: 'desk-manifest',
    buildStart() {
      this.emitFile({ type: 'asset', name: 'icon.svg', source: readFileSync(join(apps, 'desk/icon.svg')) })
    },
    generateBundle(_options, bundle) {
      const manifest: Record<string, Built> = {}
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== 'chunk' || !chunk.isEntry) continue
        const imports: string[] = []
        const css = new Set<string>()
        const walk = (file: string): void => {
          const part = bundle[file]
          if (!part || part.type !== 'chunk') return
          for (const next of part.imports) {
            if (imports.includes(next)) continue
            imports.push(next)
            walk(next)
          }
          for (const sheet of part.viteMetadata?.importedCss ?? []) css.add(sheet)
        }
        walk(chunk.fileName)
        manifest[chunk.name] = { js: chunk.fileName, css: [...css], imports }
      }
      const icon = Object.values(bundle).find((file) => file.type === 'asset' && file.names.includes('icon.svg'))
      if (manifest['boot'] && icon) manifest['boot'].icon = icon.fileName
      this.emitFile({ type: 'asset', fileName: 'manifest.json', source: `${JSON.stringify(manifest, null, 1)}\n` })
    },
  }
}

export default defineConfig({
  root: apps,
  base: '/services/pages/static/',
  publicDir: false,
  cacheDir: join(apps, '../node_modules/.vite'),
  logLevel: 'warn',
  plugins: [vue(), deskManifest()],
  define: { __VUE_OPTIONS_API__: 'false', __VUE_PROD_DEVTOOLS__: 'false' },
  build: {
    outDir: process.env['HUB_DIST'] ?? join(apps, 'dist'),
    emptyOutDir: true,
    target: 'es2022',
    assetsDir: '',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
    rolldownOptions: {
      input: entries(),
      preserveEntrySignatures: 'exports-only',
      output: {
        entryFileNames: '[name]-[hash].js',
        chunkFileNames: '[name]-[hash].js',
        assetFileNames: '[name]-[hash][extname]',
        codeSplitting: {
          groups: [
            { name: 'vue', test: /node_modules[\\/](?:vue|@vue)[\\/]/, priority: 2 },
            // What only one desk needs stays with that desk, so that no desk pays for another's date picker.
            { name: 'naive', test: /node_modules[\\/](?!plotly|@cornerstonejs)/, minShareCount: 2, priority: 1 },
          ],
        },
      },
    },
  },
})
