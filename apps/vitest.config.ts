import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: dirname(fileURLToPath(import.meta.url)),
  cacheDir: '../node_modules/.vitest',
  plugins: [vue()],
  test: {
    environment: 'jsdom',
    include: ['**/*.test.ts'],
    exclude: ['dist/**', 'node_modules/**'],
    testTimeout: 10_000,
    server: { deps: { inline: [/naive-ui/] } },
  },
})
