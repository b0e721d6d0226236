/** What others drew or wrote in a series that is no picture: fetched when its card is chosen, laid over the images it belongs to. */
import { computed, ref, shallowRef, watch, type ComputedRef, type Ref, type ShallowRef } from 'vue'

import { asProblem, type Problem } from '../../desk/shell'
import type { Viewer, WindowSetting } from '../../viewer/api'
import type { Evidence, Records, SeriesSummary } from '../records'

export interface ChosenEvidence {
  study: string
  series: SeriesSummary
  /** Null while it is fetched, and when it could not be. */
  data: Evidence | null
  problem: Problem | null
}

export interface EvidenceParts {
  records: Records
  viewer(): Viewer | null
  /** Shows an image of a series, by its position. */
  show(study: string, series: string, index: number, window: WindowSetting | null): void
}

export interface EvidenceView {
  chosen: ShallowRef<ChosenEvidence | null>
  /** Whether something of it lies on images. */
  drawn: ComputedRef<boolean>
  hidden: Ref<readonly number[]>
  opacity: Ref<number>
  /** Whether its content is open as a document. */
  reading: Ref<boolean>
  open(study: string, series: SeriesSummary): Promise<void>
  close(): void
  toggle(layer: number): void
  thicken(opacity: number): void
  /** Opens its content, or closes it: with nothing on images that is the end of it. */
  read(on: boolean): void
}

export function useEvidence(parts: EvidenceParts): EvidenceView {
  const chosen = shallowRef<ChosenEvidence | null>(null)
  const hidden = ref<readonly number[]>([])
  const opacity = ref(0.4)
  const reading = ref(false)
  const drawn = computed(() => (chosen.value?.data?.shapes.length ?? 0) > 0)
  let turn = 0

  watch([hidden, opacity], () => parts.viewer()?.setOverlayLook({ hidden: hidden.value, opacity: opacity.value }))

  function close(): void {
    turn += 1
    chosen.value = null
    hidden.value = []
    reading.value = false
    parts.viewer()?.setOverlay(null)
  }

  async function open(study: string, series: SeriesSummary): Promise<void> {
    close()
    const mine = turn
    chosen.value = { study, series, data: null, problem: null }
    try {
      const data = await parts.records.evidence(study, series.series_uid)
      if (mine !== turn) return
      chosen.value = { study, series, data, problem: null }
      const place = data.shown_on[0]
      if (!place) return void (reading.value = true)
      parts.show(study, place.series, place.index, data.window)
      parts.viewer()?.setOverlay({ layers: data.layers, shapes: data.shapes })
      parts.viewer()?.setOverlayLook({ hidden: [], opacity: opacity.value })
    } catch (error) {
      if (mine === turn) chosen.value = { study, series, data: null, problem: asProblem(error) }
    }
  }

  function toggle(layer: number): void {
    hidden.value = hidden.value.includes(layer) ? hidden.value.filter((one) => one !== layer) : [...hidden.value, layer]
  }

  function read(on: boolean): void {
    if (on || drawn.value) reading.value = on
    else close()
  }

  return { chosen, drawn, hidden, opacity, reading, open, close, toggle, read, thicken: (to) => void (opacity.value = to) }
}
