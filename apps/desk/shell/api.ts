/** Requests to any `/services/` address: JSON in and out, problems as words, safe retries, renewal of the session. */
import { freshId } from './freshId'
import { asProblem, knownProblem, Problem, problemFrom } from './problem'
import { renewSession, session } from './session'

export type Query = Record<string, string | number | boolean | null | undefined | readonly string[]>

export interface RequestOptions {
  query?: Query
  signal?: AbortSignal
  /** Makes a POST repeatable: the service answers the second arrival like the first. See `idempotencyKey()`. */
  idempotencyKey?: string
  /** Milliseconds for one attempt; 20 s unless told. */
  timeout?: number
  headers?: Record<string, string>
  /** False: try once, whatever happens. */
  retry?: boolean
}

export interface Api {
  get<T>(url: string, options?: RequestOptions): Promise<T>
  post<T>(url: string, body?: unknown, options?: RequestOptions): Promise<T>
  put<T>(url: string, body?: unknown, options?: RequestOptions): Promise<T>
  delete<T = void>(url: string, options?: RequestOptions): Promise<T>
  /** The same rules, the plain response: for files and streams. Throws `Problem` unless the answer is 2xx. */
  raw(method: string, url: string, body?: BodyInit | null, options?: RequestOptions): Promise<Response>
}

/** A new key for one intended action; keep it for the repeats of that action and no other. */
export const idempotencyKey = freshId

export function address(url: string, query?: Query): string {
  if (!query) return url
  const parameters = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined || value === null || value === '') continue
    if (Array.isArray(value)) for (const each of value) parameters.append(key, each as string)
    else parameters.append(key, String(value))
  }
  const text = parameters.toString()
  return text ? `${url}${url.includes('?') ? '&' : '?'}${text}` : url
}

const BUSY = new Set([502, 503, 504])
const TRIES = 3

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason as Error)
    }, { once: true })
  })
}

async function once(method: string, url: string, body: BodyInit | null | undefined, options: RequestOptions, headers: Record<string, string>): Promise<Response> {
  const limit = new AbortController()
  let late = false
  const timer = setTimeout(() => {
    late = true
    limit.abort()
  }, options.timeout ?? 20_000)
  const stop = (): void => limit.abort(options.signal?.reason)
  if (options.signal?.aborted) stop()
  options.signal?.addEventListener('abort', stop, { once: true })
  try {
    return await fetch(url, { method, body: body ?? null, headers, signal: limit.signal })
  } catch (error) {
    if (options.signal?.aborted) throw error
    throw late ? knownProblem('network.timeout') : asProblem(error)
  } finally {
    clearTimeout(timer)
    options.signal?.removeEventListener('abort', stop)
  }
}

async function request(method: string, url: string, body: BodyInit | null | undefined, options: RequestOptions): Promise<Response> {
  const target = address(url, options.query)
  const headers: Record<string, string> = { ...options.headers }
  if (options.idempotencyKey) headers['Idempotency-Key'] = options.idempotencyKey
  // A POST without a key may have done its work although the answer got lost: repeating it could do it twice.
  const repeatable = options.retry !== false && (method === 'GET' || method === 'PUT' || method === 'DELETE' || options.idempotencyKey !== undefined)
  let renewed = false
  for (let attempt = 1; ; attempt += 1) {
    let failure: Problem
    try {
      const response = await once(method, target, body, options, headers)
      if (response.ok) {
        if (session.value === 'ended') void renewSession()
        return response
      }
      failure = await problemFrom(response)
      if (response.status === 401) {
        // The request was refused before it did anything, so it may always be repeated after renewal.
        if (!renewed && (await renewSession())) {
          renewed = true
          continue
        }
        throw session.value === 'ok' ? failure : knownProblem('session.ended', 401)
      }
      if (!BUSY.has(response.status)) throw failure
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      if (error.status !== 0) throw error
      failure = error
    }
    if (!repeatable || attempt >= TRIES) throw failure
    await pause(300 * 3 ** (attempt - 1) * (0.75 + Math.random() / 2), options.signal)
  }
}

async function json<T>(method: string, url: string, body: unknown, options: RequestOptions = {}): Promise<T> {
  const headers = body === undefined ? options.headers : { 'Content-Type': 'application/json', ...options.headers }
  const response = await request(method, url, body === undefined ? null : JSON.stringify(body), { ...options, headers })
  if (response.status === 204) return undefined as T
  const text = await response.text()
  return (text ? JSON.parse(text) : undefined) as T
}

export const api: Api = {
  get: (url, options) => json('GET', url, undefined, options),
  post: (url, body, options) => json('POST', url, body, options),
  put: (url, body, options) => json('PUT', url, body, options),
  delete: (url, options) => json('DELETE', url, undefined, options),
  raw: (method, url, body, options = {}) => request(method, url, body, options),
}
