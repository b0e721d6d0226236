/** Bone and table taken out of the planes of a series (V-34 to V-36): asked of the masks service, followed to its end, put into the viewer. */
import { computed, ref, watch, type Ref } from 'vue'

import { asProblem, MASKS, Problem, type Api, type Lang, type Words } from '../../desk/shell'
import type { MaskKind, Viewer, ViewerState } from '../../viewer/api'

type Point = [number, number, number]

/** One touch of the reader: a place that is bone, or none. */
interface Touch {
  how: 'keep' | 'remove'
  at: Point
}

interface Job {
  id: string
  state: 'queued' | 'running' | 'done' | 'failed' | 'cancelled'
  percent: number
  problem?: { code: string; words: Record<Lang, Words> }
}

interface Kept {
  contents: Map<MaskKind, ArrayBuffer>
  /** Those that are put back for now: a reader compares with and without, and his touches stay. */
  off: Set<MaskKind>
  touches: Touch[]
}

const ORDER: MaskKind[] = ['table', 'bone']
const PAUSE = 400 // ms between two questions

export interface Masks {
  on: Readonly<Ref<MaskKind[]>>
  /** What is being computed, and how far it is. */
  busy: Readonly<Ref<{ kind: MaskKind; percent: number } | null>>
  problem: Ref<Problem | null>
  /** How many touches the bone mask was made with. */
  touches: Readonly<Ref<number>>
  toggle(kind: MaskKind): Promise<void>
  /** Says of the place that all views show that it is bone (`remove`) or none (`keep`). */
  touch(how: Touch['how']): Promise<void>
  /** The bone mask without the last touch. */
  untouch(): Promise<void>
  cancel(): void
}

export function useMasks(api: Api, viewer: () => Viewer | null, state: () => ViewerState | null): Masks {
  const kept = new Map<string, Kept>()
  const version = ref(0)
  const busy = ref<{ kind: MaskKind; percent: number } | null>(null)
  const problem = ref<Problem | null>(null)
  let stop: AbortController | null = null

  /** A copy: what is kept changes in place, and a value that is the same object would tell nobody. */
  const here = computed(() => {
    void version.value
    const one = kept.get(state()?.series ?? '')
    return one ? { kinds: [...one.contents.keys()].filter((kind) => !one.off.has(kind)), touches: one.touches } : null
  })

  watch(() => state()?.study, () => {
    cancel()
    kept.clear()
    problem.value = null
    version.value += 1
  })

  // What was said of one series is not said of another.
  watch(() => state()?.series, () => void (problem.value = null))

  // The viewer still has the masks of a study that was left and is opened again: nothing may be missing of which this panel does not say so.
  watch(() => [state()?.series, state()?.removed?.length], ([series, removed]) => {
    if (removed && !kept.get(String(series))?.contents.size) viewer()?.setMasks([])
  })

  function cancel(): void {
    stop?.abort()
  }

  /** The mask as the service answers it; null when it was cancelled. */
  async function fetched(study: string, series: string, wish: { kind: MaskKind; keep?: Point[]; remove?: Point[] }, signal: AbortSignal, again = true): Promise<ArrayBuffer> {
    const address = `${MASKS}/studies/${study}/series/${series}/masks`
    let job = await api.post<Job>(address, wish, { signal })
    const drop = (): void => void api.delete(`${address}/${job.id}`, { retry: false }).catch(() => undefined) // it would end by itself too
    signal.addEventListener('abort', drop, { once: true })
    try {
      while (job.state === 'queued' || job.state === 'running') {
        busy.value = { kind: wish.kind, percent: job.percent }
        await new Promise((resolve) => setTimeout(resolve, PAUSE))
        signal.throwIfAborted()
        job = await api.get<Job>(`${address}/${job.id}`, { signal })
      }
      if (job.state !== 'done') throw job.problem ? new Problem(500, job.problem.code, job.problem.words) : new Error(job.state)
      return await (await api.raw('GET', `${address}/${job.id}/voxels`, null, { signal, timeout: 120_000 })).arrayBuffer()
    } catch (error) {
      // The service was started anew meanwhile, and knows nothing of it.
      if (again && error instanceof Problem && error.status === 404) return await fetched(study, series, wish, signal, false)
      throw error
    } finally {
      signal.removeEventListener('abort', drop)
    }
  }

  function show(series: string): void {
    const one = kept.get(series)
    if (viewer()?.state().series === series) viewer()?.setMasks(ORDER.flatMap((kind) => (one?.off.has(kind) ? [] : (one?.contents.get(kind) ?? []))))
    version.value += 1
  }

  async function make(kind: MaskKind, touches: Touch[]): Promise<void> {
    const now = viewer()?.state()
    if (!now?.study || !now.series || busy.value) return
    const { study, series } = now
    problem.value = null
    busy.value = { kind, percent: 0 }
    stop = new AbortController()
    const { signal } = stop
    const of = (how: Touch['how']): Point[] => touches.filter((touch) => touch.how === how).map(({ at }) => at)
    try {
      const content = await fetched(study, series, kind === 'bone' ? { kind, keep: of('keep'), remove: of('remove') } : { kind }, signal)
      const one = kept.get(series) ?? { contents: new Map<MaskKind, ArrayBuffer>(), off: new Set<MaskKind>(), touches: [] }
      one.contents.set(kind, content)
      one.off.delete(kind)
      if (kind === 'bone') one.touches = touches
      kept.set(series, one)
      show(series)
    } catch (error) {
      if (!signal.aborted) problem.value = error instanceof Problem ? error : asProblem(error)
    } finally {
      busy.value = stop = null
    }
  }

  async function toggle(kind: MaskKind): Promise<void> {
    const series = state()?.series ?? ''
    const one = kept.get(series)
    if (!one?.contents.has(kind)) return make(kind, [])
    if (!one.off.delete(kind)) one.off.add(kind)
    show(series)
  }

  async function touch(how: Touch['how']): Promise<void> {
    const at = state()?.point
    const one = here.value
    if (at && one?.kinds.includes('bone')) await make('bone', [...one.touches, { how, at }])
  }

  async function untouch(): Promise<void> {
    const one = here.value
    if (one && one.touches.length > 0) await make('bone', one.touches.slice(0, -1))
  }

  return { on: computed(() => here.value?.kinds ?? []), busy, problem, touches: computed(() => here.value?.touches.length ?? 0), toggle, touch, untouch, cancel }
}
