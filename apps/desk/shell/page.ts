/** What the pages service wrote into this page: the desk's name, its titles, where built modules are. */
import type { Lang } from './problem'

export interface PageFacts {
  desk: string
  titles: Record<Lang, string>
  /** Entry name → address of its module, for example `viewer`. */
  modules: Record<string, string>
}

let facts: PageFacts | null = null

export function page(): PageFacts {
  if (facts === null) {
    const text = document.getElementById('page')?.textContent
    facts = text ? (JSON.parse(text) as PageFacts) : { desk: '', titles: { zh: '', en: '' }, modules: {} }
  }
  return facts
}

/** Imports a module that is built by itself and loaded late: `await loadModule<typeof import('../../viewer/api')>('viewer')`. */
export function loadModule<T>(name: string): Promise<T> {
  const url = page().modules[name]
  if (!url) return Promise.reject(new Error(`module ${name} was not built: run "npm run build"`))
  return import(/* @vite-ignore */ url) as Promise<T>
}
