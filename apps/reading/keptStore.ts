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

/** A full disk may show only when a transaction is closed. */
function done(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error ?? new Error('indexeddb'))
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
      put: async (one) => {
        const put = store('readwrite').put(one)
        const written = done(put.transaction as IDBTransaction)
        await Promise.all([request(put), written])
      },
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

/** Whether all that is put into some stores is kept; heard at once and at each change. What could not be written counts until it is written or no longer wanted. */
export class Keeping {
  private readonly lost = new Set<string>()
  private readonly passing = new Set<string>()
  private stores = 0

  constructor(private readonly heard: (kept: boolean) => void) {}

  watch<T extends Kept>(store: KeptStore<T>): KeptStore<T> {
    const name = String((this.stores += 1))
    void Promise.resolve(store.durable).then((durable) => this.note(this.passing, name, durable))
    const noting = async (key: string, write: Promise<void>): Promise<void> => {
      try {
        await write
        this.note(this.lost, `${name} ${key}`, true)
      } catch (why) {
        this.note(this.lost, `${name} ${key}`, false)
        throw why
      }
    }
    return { ...store, put: (one) => noting(one.key, store.put(one)), remove: (key) => store.remove(key).finally(() => this.note(this.lost, `${name} ${key}`, true)) }
  }

  private note(where: Set<string>, what: string, kept: boolean): void {
    if (kept) where.delete(what)
    else where.add(what)
    this.heard(this.lost.size === 0 && this.passing.size === 0)
  }
}
