/** The open bone-age atlas: what is shown of it for this child, and what the reader said where the record does not. */
import { computed, reactive, ref, shallowRef, watch, type ComputedRef, type Ref, type ShallowRef } from 'vue'

import { asProblem, type Problem } from '../../desk/shell'
import type { Records, Row } from '../records'
import { childOf, nearest, ofSex, type Atlas, type Child, type Nearest, type Plate, type Sex } from './plates'

export interface OpenAtlas {
  status: Ref<'loading' | 'ready' | 'failed'>
  problem: ShallowRef<Problem | null>
  atlas: ShallowRef<Atlas | null>
  /** What the record says, then what the reader said. */
  child: ComputedRef<Child>
  /** What had to be asked for; the record does not say it. */
  asked: ComputedRef<{ sex: boolean; months: boolean }>
  /** What the reader said of this case. It is kept nowhere. */
  told: Child
  sex: ComputedRef<Sex | null>
  plates: ComputedRef<Plate[]>
  plate: ComputedRef<Plate | null>
  at: ComputedRef<number>
  nearest: ComputedRef<Nearest | null>
  load(): Promise<void>
  go(step: 1 | -1): void
  back(): void
  turnTo(sex: Sex): void
}

/** For one case. */
export function useAtlas(records: Pick<Records, 'boneAgeAtlas'>, row: () => Row): OpenAtlas {
  const status = ref<'loading' | 'ready' | 'failed'>('loading')
  const problem = shallowRef<Problem | null>(null)
  const atlas = shallowRef<Atlas | null>(null)
  const told = reactive<Child>({ sex: null, months: null })
  const other = ref<Sex | null>(null)
  /** Steps away from the nearest plate. */
  const away = ref(0)
  let turn = 0

  const known = computed(() => childOf(row()))
  const child = computed<Child>(() => ({ sex: known.value.sex ?? told.sex, months: known.value.months ?? told.months }))
  const asked = computed(() => ({ sex: known.value.sex === null, months: known.value.months === null }))
  const sex = computed(() => other.value ?? child.value.sex)
  const plates = computed(() => (atlas.value && sex.value ? ofSex(atlas.value.plates, sex.value) : []))
  const near = computed(() => (child.value.months === null ? null : nearest(plates.value, child.value.months)))
  const at = computed(() => (near.value ? Math.max(0, Math.min(plates.value.length - 1, near.value.at + away.value)) : -1))

  /** Also what was loaded before is looked at again: the operator may have changed it. */
  async function load(): Promise<void> {
    const mine = ++turn
    if (status.value === 'failed') status.value = 'loading'
    try {
      const found = await records.boneAgeAtlas()
      if (mine !== turn) return
      atlas.value = found
      status.value = 'ready'
    } catch (error) {
      if (mine !== turn) return
      problem.value = asProblem(error)
      status.value = 'failed'
    }
  }

  function turnTo(wanted: Sex): void {
    other.value = wanted === child.value.sex ? null : wanted
    away.value = 0
  }

  watch(() => [child.value.sex, child.value.months], () => void (away.value = 0))
  void load()

  return {
    status, problem, atlas, child, asked, told, sex, plates, at, nearest: near, load, turnTo,
    plate: computed(() => plates.value[at.value] ?? null),
    go: (step) => {
      if (plates.value[at.value + step]) away.value = at.value + step - (near.value?.at ?? 0)
    },
    back: () => void (away.value = 0),
  }
}
