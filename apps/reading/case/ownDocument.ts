/** A document of the account kept by ris (docs/interfaces.md §4), never written over somebody's newer one unseen. */
import { ref, shallowRef, type Ref, type ShallowRef } from 'vue'

import { asProblem, RIS, type Api, type Problem } from '../../desk/shell'

interface Answer<D> { version: number; document: D }

export interface OwnDocument<T> {
  value: ShallowRef<T>
  /** Why the document is not known; null when it is, or was not asked for yet. */
  problem: ShallowRef<Problem | null>
  known: Ref<boolean>
  /** Of `value`; what is made of it is saved as its successor. */
  version(): number
  /** Asks once; again after a failure. */
  load(): Promise<void>
  /** As the successor of version `after`, or of whatever is there now. Throws the Problem; `preference.version` when another window was first. */
  save(value: T, after: number | 'newest'): Promise<void>
}

/** The document `key`; `open` takes out of it what is meant, `wrap` puts it back. `empty` until it has come. */
export function ownDocument<T, D>(api: Api, key: string, parts: { empty: T; open(document: D): T; wrap(value: T): D }): OwnDocument<T> {
  const url = `${RIS}/me/preferences/${key}`
  const value = shallowRef(parts.empty) as ShallowRef<T>
  const problem = shallowRef<Problem | null>(null)
  const known = ref(false)
  let version = 0

  function take(found: Answer<D>): void {
    version = found.version
    value.value = parts.open(found.document)
    known.value = true
    problem.value = null
  }

  async function load(): Promise<void> {
    try {
      take(await api.get<Answer<D>>(url))
    } catch (error) {
      problem.value = asProblem(error)
    }
  }

  async function save(wanted: T, after: number | 'newest'): Promise<void> {
    try {
      const before = after === 'newest' ? (await api.get<Answer<D>>(url)).version : after
      take(await api.put<Answer<D>>(url, { version: before, document: parts.wrap(wanted) }, { retry: false }))
    } catch (error) {
      throw asProblem(error)
    }
  }

  return { value, problem, known, version: () => version, load, save }
}
