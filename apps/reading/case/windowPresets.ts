/** The reader's window presets, kept by ris as one document of the account (docs/interfaces.md §4). */
import { ref, shallowRef, type Ref, type ShallowRef } from 'vue'

import { asProblem, RIS, type Api, type Problem } from '../../desk/shell'
import type { OwnPreset } from '../../viewer/api'

interface Document { version: number; document: { presets: OwnPreset[] } }

export interface WindowPresets {
  list: ShallowRef<OwnPreset[]>
  /** Why the list is not known; null when it is, or was not asked for yet. */
  problem: ShallowRef<Problem | null>
  known: Ref<boolean>
  /** Asks once; again after a failure. */
  load(): Promise<void>
  /** Throws the Problem; `preference.version` when another window was first: then `take` or `save(list, true)`. */
  save(list: OwnPreset[], overNewer?: boolean): Promise<void>
}

const URL = `${RIS}/me/preferences/window-presets`

export function windowPresets(api: Api): WindowPresets {
  const list = shallowRef<OwnPreset[]>([])
  const problem = shallowRef<Problem | null>(null)
  const known = ref(false)
  let version = 0

  function take(found: Document): void {
    version = found.version
    list.value = found.document.presets
    known.value = true
    problem.value = null
  }

  async function load(): Promise<void> {
    try {
      take(await api.get<Document>(URL))
    } catch (error) {
      problem.value = asProblem(error)
    }
  }

  async function save(wanted: OwnPreset[], overNewer = false): Promise<void> {
    if (overNewer) version = (await api.get<Document>(URL)).version
    try {
      take(await api.put<Document>(URL, { version, document: { presets: wanted } }, { retry: false }))
    } catch (error) {
      throw asProblem(error)
    }
  }

  return { list, problem, known, load, save }
}

/** What is wrong with a preset, by field; ris refuses the same. */
export function faultsOf(preset: OwnPreset): ('name' | 'center' | 'width' | 'gamma')[] {
  const { name, window, gamma } = preset
  return [
    ...(name.trim() === '' || [...name.trim()].length > 40 ? ['name' as const] : []),
    ...(window && !(Number.isFinite(window.center) && Math.abs(window.center) <= 1e9) ? ['center' as const] : []),
    ...(window && !(window.width >= (window.function === 'LINEAR' ? 1 : Number.MIN_VALUE) && window.width <= 1e9) ? ['width' as const] : []),
    ...(gamma >= 0.2 && gamma <= 5 ? [] : ['gamma' as const]),
  ]
}
