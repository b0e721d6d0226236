/**
 * What is kept on this machine until ris has it: IndexedDB, one database for each kind of thing, one record for each key.
 * A browser without IndexedDB (a locked-down profile) falls back to memory and says so through `durable`.
 */
export interface Kept { key: string }

export interface KeptStore<T extends Kept> {
  /** Whether it outlives the page. */
  readonly durable: boolean | Promise<boolean>
  put(one: T): Promise<void>
  get(key: string): Promise<T | null>
  remove(key: string): Promise<void>
  all(): Promise<T[]>
}

export function memoryStore<T extends Kept>(): KeptStore<T> {
  const kept = new Map<string, T>()
  return {
    durable: false,
    put: async (one) => void kept.set(one.key, one),
    get: async (key) => kept.get(key) ?? null,
    remove: async (key) => void kept.delete(key),
    all: async () => [...kept.values()],
  }
}

function request<T>(asked: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result)
    asked.onerror = () => reject(asked.error ?? new Error('indexeddb'))
  })
}

export async function openStore<T extends Kept>(database: string, name: string, factory: IDBFactory | undefined = globalThis.indexedDB): Promise<KeptStore<T>> {
  if (!factory) return memoryStore()
  try {
    const asked = factory.open(database, 1)
    asked.onupgradeneeded = () => asked.result.createObjectStore(name, { keyPath: 'key' })
    const opened = await request(asked)
    const store = (mode: IDBTransactionMode) => opened.transaction(name, mode).objectStore(name)
    return {
      durable: true,
      put: async (one) => void (await request(store('readwrite').put(one))),
      get: async (key) => ((await request(store('readonly').get(key))) as T | undefined) ?? null,
      remove: async (key) => void (await request(store('readwrite').delete(key))),
      all: async () => (await request(store('readonly').getAll())) as T[],
    }
  } catch {
    return memoryStore()
  }
}

/** A store that can be used at once; what is kept before the database is open follows it there. */
export function laterStore<T extends Kept>(opening: Promise<KeptStore<T>>): KeptStore<T> {
  const opened = opening.catch(() => memoryStore<T>())
  return {
    durable: opened.then((store) => store.durable),
    put: async (one) => (await opened).put(one),
    get: async (key) => (await opened).get(key),
    remove: async (key) => (await opened).remove(key),
    all: async () => (await opened).all(),
  }
}
