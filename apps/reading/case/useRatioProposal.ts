/**
 * The cardiothoracic ratio that the masks service proposes for the image on the screen (V-18): asked for, drawn as a proposal, confirmed or
 * given up by the reader. A measurement it is only after that; the viewer says so (`proposal`).
 */
import { computed, onScopeDispose, ref, shallowRef, watch, type Ref } from 'vue'

import { asProblem, freshId, MASKS, type Api, type Problem } from '../../desk/shell'
import type { Viewer, ViewerState } from '../../viewer/api'

type Point = [number, number]

/** The service's answer; points are [column, row] of the image, (0, 0) the middle of the first pixel. */
export interface Answer {
  midline: [Point, Point]
  heart: [Point, Point]
  thorax: [Point, Point]
  ratio: number
  confidence: number
  /** The service is not confident: the reader is told so, and looks at both borders. */
  unsure: boolean
}

/** As `pipelines/cardiothoracic/image.py`. */
const MODALITIES = new Set(['CR', 'DX', 'DR', 'RF', 'RG'])

export interface RatioProposal {
  /** The tool is chosen, and the image is one that may be a chest radiograph. */
  offered: Readonly<Ref<boolean>>
  busy: Readonly<Ref<boolean>>
  /** A proposal is drawn on the image that is shown, and waits for the reader. */
  waiting: Readonly<Ref<boolean>>
  /** What is drawn is doubtful. */
  unsure: Readonly<Ref<boolean>>
  /** Why there is none. */
  problem: Readonly<Ref<Problem | null>>
  /** The reader went to another image meanwhile. */
  gone: Readonly<Ref<boolean>>
  ask(): Promise<void>
  cancel(): void
  confirm(): void
  drop(): void
}

export function useRatioProposal(api: Api, viewer: () => Viewer | null, state: () => ViewerState | null): RatioProposal {
  const busy = ref(false)
  const problem = shallowRef<Problem | null>(null)
  const gone = ref(false)
  const drawn = ref<string | null>(null)
  const unsure = ref(false)
  /** Where it is drawn: nobody confirms what he does not see. */
  const place = ref('')
  const here = (): string => [state()?.study, state()?.series, state()?.index].join(' ')
  const waiting = computed(() => drawn.value !== null && place.value === here())
  let stop: AbortController | null = null

  const offered = computed(() => {
    const now = state()
    return now?.tool === 'cardiothoracic' && now.index >= 0 && MODALITIES.has(now.modality ?? '') && now.plane === null && now.rendering === null
  })

  watch(viewer, (now, _, clean) => {
    if (now) clean(now.on('proposal', (id) => void (drawn.value = id)))
  }, { immediate: true })

  // Another image, or another tool: what was said of the last one is over.
  watch(() => `${here()} ${state()?.tool}`, () => {
    stop?.abort()
    problem.value = null
    gone.value = false
  })
  onScopeDispose(() => stop?.abort())

  async function ask(): Promise<void> {
    const image = viewer()?.image()
    if (!image || busy.value) return
    problem.value = null
    gone.value = false
    busy.value = true
    const asking = (stop = new AbortController())
    try {
      const { study, series, sop_uid, frame, index } = image
      const answer = await api.post<Answer>(`${MASKS}/studies/${study}/series/${series}/cardiothoracic`, { sop_uid, frame }, { signal: asking.signal, timeout: 60_000 })
      if (asking.signal.aborted) return
      place.value = here()
      unsure.value = answer.unsure
      const shown = viewer()?.propose({
        id: freshId(), kind: 'cardiothoracic', study, series, sop_uid, frame, index,
        points: [...answer.heart, ...answer.thorax], value: answer.ratio, unit: '', author: '', created: '',
      })
      gone.value = !shown
    } catch (error) {
      if (!asking.signal.aborted) problem.value = asProblem(error)
    } finally {
      if (stop === asking) stop = null
      busy.value = false
    }
  }

  return { offered, busy, waiting, unsure, problem, gone, ask, cancel: () => stop?.abort(), confirm: () => viewer()?.confirmProposal(), drop: () => viewer()?.dropProposal() }
}
