/**
 * Typed text on this machine until ris has it: IndexedDB, one record per user and report (or exam, while it has no report yet).
 * A browser without IndexedDB (a locked-down profile) falls back to memory and says so through `durable`.
 */
import type { Text } from './records'

export interface KeptDraft extends Text {
  key: string
  /** Version of the report on the server which this text started from; null when there was no report. */
  base: number | null
  at: string
}

export interface DraftStore {
  readonly durable: boolean
  put(draft: KeptDraft): Promise<void>
  get(key: string): Promise<KeptDraft | null>
  remove(key: string): Promise<void>
}

export function draftKey(username: string, examId: number): string {
  return `${username} ${examId}`
}

export function memoryDrafts(): DraftStore {
  const drafts = new Map<string, KeptDraft>()
  return {
    durable: false,
    put: async (draft) => void drafts.set(draft.key, draft),
    get: async (key) => drafts.get(key) ?? null,
    remove: async (key) => void drafts.delete(key),
  }
}

function request<T>(asked: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result)
    asked.onerror = () => reject(asked.error ?? new Error('indexeddb'))
  })
}

export async function openDrafts(factory: IDBFactory | undefined = globalThis.indexedDB): Promise<DraftStore> {
  if (!factory) return memoryDrafts()
  try {
    const asked = factory.open('reading-desk', 1)
    asked.onupgradeneeded = () => asked.result.createObjectStore('drafts', { keyPath: 'key' })
    const database = await request(asked)
    const store = (mode: IDBTransactionMode) => database.transaction('drafts', mode).objectStore('drafts')
    return {
      durable: true,
      put: async (draft) => void (await request(store('readwrite').put(draft))),
      get: async (key) => ((await request(store('readonly').get(key))) as KeptDraft | undefined) ?? null,
      remove: async (key) => void (await request(store('readwrite').delete(key))),
    }
  } catch {
    return memoryDrafts()
  }
}
