/** Searching as one types: the newest question wins, an answer to an older one is dropped. */
import { onBeforeUnmount, ref, type Ref, shallowRef, type ShallowRef, watch } from 'vue'

import { asProblem, type Api, type Problem } from '../desk/shell'
import { type Entry, find } from './entries'

export interface Search {
  q: Ref<string>
  entries: ShallowRef<Entry[]>
  state: Ref<'loading' | 'ready' | 'failed'>
  problem: ShallowRef<Problem | null>
  again(): Promise<void>
}

const PAUSE_MS = 200

export function useSearch(api: Api, narrow: () => { modality?: string; body_part?: string } = () => ({})): Search {
  const q = ref('')
  const entries = shallowRef<Entry[]>([])
  const state = ref<'loading' | 'ready' | 'failed'>('loading')
  const problem = shallowRef<Problem | null>(null)
  let asked: AbortController | null = null
  let timer: ReturnType<typeof setTimeout> | null = null

  async function again(): Promise<void> {
    asked?.abort()
    asked = new AbortController()
    const { signal } = asked
    try {
      const found = await find(api, { q: q.value.trim(), ...narrow() }, signal)
      if (signal.aborted) return
      entries.value = found
      state.value = 'ready'
    } catch (error) {
      if (signal.aborted) return
      problem.value = asProblem(error)
      state.value = 'failed'
    }
  }
  watch(q, () => {
    if (timer !== null) clearTimeout(timer)
    timer = setTimeout(() => void again(), PAUSE_MS)
  })
  watch(narrow, () => void again(), { deep: true })
  onBeforeUnmount(() => {
    asked?.abort()
    if (timer !== null) clearTimeout(timer)
  })
  void again()
  return { q, entries, state, problem, again }
}
