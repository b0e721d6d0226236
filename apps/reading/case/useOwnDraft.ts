/** What a reader changes of a document of his own, until it is saved or given up: never over somebody's newer one unseen. */
import { computed, ref, shallowRef, type ComputedRef, type Ref, type ShallowRef } from 'vue'

import { asProblem, type Problem } from '../../desk/shell'
import type { OwnDocument } from './ownDocument'

export interface OwnDraft<D> {
  draft: Ref<D>
  changed: ComputedRef<boolean>
  /** It was to be saved while something in it is wrong: now the faults are shown. */
  tried: Ref<boolean>
  faulty: ComputedRef<boolean>
  problem: ShallowRef<Problem | null>
  saving: Ref<boolean>
  /** It was to be left with changes; leaving again gives them up. */
  leaving: ComputedRef<boolean>
  save(overNewer?: boolean): Promise<void>
  takeNewest(): Promise<void>
  leave(): void
}

export interface DraftParts<T, D> {
  open(value: T): D
  close(draft: D): T
  faulty?(draft: D): boolean
  /** Saved, or given up. */
  done(): void
}

export function useOwnDraft<T, D>(document: OwnDocument<T>, parts: DraftParts<T, D>): OwnDraft<D> {
  const draft = ref(parts.open(document.value.value)) as Ref<D>
  /** What the draft was made of: the document may be had anew beneath it. */
  let made = document.version()
  const problem = shallowRef<Problem | null>(null)
  const saving = ref(false)
  const tried = ref(false)
  const asked = ref(false)
  const changed = computed(() => JSON.stringify(parts.close(draft.value)) !== JSON.stringify(parts.close(parts.open(document.value.value))))
  const faulty = computed(() => parts.faulty?.(draft.value) ?? false)

  async function save(overNewer = false): Promise<void> {
    tried.value = true
    if (faulty.value || saving.value) return
    saving.value = true
    problem.value = null
    try {
      await document.save(parts.close(draft.value), overNewer ? 'newest' : made)
      parts.done()
    } catch (error) {
      problem.value = asProblem(error)
    } finally {
      saving.value = false
    }
  }

  async function takeNewest(): Promise<void> {
    await document.load()
    problem.value = document.problem.value
    if (problem.value) return
    draft.value = parts.open(document.value.value)
    made = document.version()
  }

  function leave(): void {
    if (changed.value && !asked.value) asked.value = true
    else parts.done()
  }

  return { draft, changed, tried, faulty, problem, saving, leaving: computed(() => asked.value && changed.value), save, takeNewest, leave }
}
