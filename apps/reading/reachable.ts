/**
 * Whether the records service can be reached, learnt from every request and from a small probe.
 *
 * The live feed alone is not enough: when a service dies behind the proxy, its open streams are not closed for the browser, and the feed
 * notices the silence only after 40 s. Nobody should press "sign" into that gap.
 */
import { ref, type Ref } from 'vue'

import { Problem, type Api } from '../desk/shell'

export interface Reachable {
  away: Ref<boolean>
  /** The same API, whose failures to reach the service are noticed. */
  api: Api
  stop(): void
}

const LOOK_MS = 8000
const AGAIN_MS = 1000
const PATIENCE_MS = 4000

function lost(error: unknown): boolean {
  return error instanceof Problem && (error.status === 0 || error.status === 502 || error.status === 503 || error.status === 504)
}

/** `prefix`: addresses of the service that is watched. `probe` answers true when the service works. */
export function watchReachable(api: Api, prefix: string, probe: (limit: AbortSignal) => Promise<boolean>): Reachable {
  const away = ref(false)
  let timer: ReturnType<typeof setTimeout> | null = null
  let ended = false

  function later(ms: number): void {
    if (timer !== null) clearTimeout(timer)
    if (!ended) timer = setTimeout(() => void look(), ms)
  }

  async function look(): Promise<void> {
    const limit = new AbortController()
    const patience = setTimeout(() => limit.abort(), PATIENCE_MS)
    const there = await probe(limit.signal).catch(() => false)
    clearTimeout(patience)
    away.value = !there
    later(there ? LOOK_MS : AGAIN_MS)
  }

  async function noticed<T>(url: string, asked: Promise<T>): Promise<T> {
    try {
      return await asked
    } catch (error) {
      // One lost request is a reason to look, not yet a verdict: the probe decides at once.
      if (url.startsWith(prefix) && lost(error)) void look()
      throw error
    }
  }

  later(LOOK_MS)
  return {
    away,
    api: {
      get: (url, options) => noticed(url, api.get(url, options)),
      post: (url, body, options) => noticed(url, api.post(url, body, options)),
      put: (url, body, options) => noticed(url, api.put(url, body, options)),
      delete: (url, options) => noticed(url, api.delete(url, options)),
      raw: (method, url, body, options) => noticed(url, api.raw(method, url, body, options)),
    },
    stop() {
      ended = true
      if (timer !== null) clearTimeout(timer)
    },
  }
}
