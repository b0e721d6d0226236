/**
 * What others drew, wrote or singled out in a series that is no picture: fetched when its card is chosen, laid over the images it belongs to.
 */
import { computed, ref, shallowRef, watch, type ComputedRef, type Ref, type ShallowRef } from 'vue'

import type { Problem } from '../../desk/shell'
import type { KeyImage, Viewer, WindowSetting } from '../../viewer/api'
import type { Evidence, KeyObject, Records, SeriesSummary } from '../records'
import { comesBack } from './comesBack'

export interface ChosenEvidence {
  study: string
  series: SeriesSummary
  /** Null while it is fetched, and when it could not be. */
  data: Evidence | null
  problem: Problem | null
}

export interface EvidenceParts {
  records: Pick<Records, 'evidence'>
  viewer(): Viewer | null
  /** Shows an image of a series, by its position. */
  show(study: string, series: string, index: number, window: WindowSetting | null): void
  /** Tells the viewer which images a key object selection singles out; none: it is closed. */
  mark(images: readonly Partial<KeyImage>[]): void
}

export interface EvidenceView {
  chosen: ShallowRef<ChosenEvidence | null>
  /** Whether something of it lies on images. */
  drawn: ComputedRef<boolean>
  hidden: Ref<readonly number[]>
  opacity: Ref<number>
  /** Whether its content is open as a document. */
  reading: Ref<boolean>
  /** It is here, and the reader has not been led to its image. */
  apart: Ref<boolean>
  /** Once more by itself while the server is away. */
  open(study: string, series: SeriesSummary): Promise<void>
  close(): void
  /** Shows its image, or its content where it has none. */
  arrive(): void
  toggle(layer: number): void
  thicken(opacity: number): void
  /** Shows an image that a key object selection names. */
  go(image: KeyObject): void
  /** Opens its content, or closes it: with nothing on images that is the end of it. */
  read(on: boolean): void
}

/** The images of a series' key object selections as the viewer marks them: with what chose them. */
export function singledOut(study: string, data: Evidence): Partial<KeyImage>[] {
  return data.objects.flatMap(({ key_objects: keys }) =>
    keys?.chosen ? keys.images.map(({ series, sop_uid, frame, index }) => ({ study, series, sop_uid, frame, index, made: 'image' as const, by: keys.device || keys.person || 'KOS' })) : [])
}

/** Where it is to be seen first; none: it lies on no image. */
const placeOf = (data: Evidence): { series: string; index: number } | undefined => data.objects.flatMap((one) => one.key_objects?.images ?? [])[0] ?? data.shown_on[0]

export function useEvidence(parts: EvidenceParts): EvidenceView {
  const chosen = shallowRef<ChosenEvidence | null>(null)
  const hidden = ref<readonly number[]>([])
  const opacity = ref(0.4)
  const reading = ref(false)
  const apart = ref(false)
  const drawn = computed(() => (chosen.value?.data?.shapes.length ?? 0) > 0)
  let turn = 0
  /** What the reader looked at when he chose it. */
  let from = ''
  const here = (): string => {
    const { study, series, index } = parts.viewer()?.state() ?? {}
    return [study, series, index].join(' ')
  }
  const { failed, quiet } = comesBack(() => void fetched(turn))

  watch([hidden, opacity], () => parts.viewer()?.setOverlayLook({ hidden: hidden.value, opacity: opacity.value }))

  function close(): void {
    quiet()
    turn += 1
    chosen.value = null
    hidden.value = []
    reading.value = apart.value = false
    parts.viewer()?.setOverlay(null)
    parts.mark([])
  }

  function open(study: string, series: SeriesSummary): Promise<void> {
    close()
    from = here()
    chosen.value = { study, series, data: null, problem: null }
    return fetched(turn)
  }

  async function fetched(mine: number): Promise<void> {
    if (!chosen.value) return
    const { study, series, problem: before } = chosen.value
    try {
      const data = await parts.records.evidence(study, series.series_uid)
      if (mine !== turn) return
      quiet()
      chosen.value = { study, series, data, problem: null }
      parts.mark(singledOut(study, data))
      parts.viewer()?.setOverlay({ layers: data.layers, shapes: data.shapes })
      parts.viewer()?.setOverlayLook({ hidden: [], opacity: opacity.value })
      // It came late, and the reader is at another image now: nothing moves under his hand.
      if (!before || here() === from) arrive()
      else apart.value = true
    } catch (error) {
      if (mine === turn) chosen.value = { study, series, data: null, problem: failed(error) }
    }
  }

  function arrive(): void {
    const { study, data } = chosen.value ?? {}
    if (!study || !data) return
    apart.value = false
    const place = placeOf(data)
    if (place) parts.show(study, place.series, place.index, data.window)
    else reading.value = true
  }

  function go(image: KeyObject): void {
    if (chosen.value) parts.show(chosen.value.study, image.series, image.index, null)
  }

  function toggle(layer: number): void {
    hidden.value = hidden.value.includes(layer) ? hidden.value.filter((one) => one !== layer) : [...hidden.value, layer]
  }

  function read(on: boolean): void {
    if (on || drawn.value) reading.value = on
    else if (!apart.value) close()
  }

  return { chosen, drawn, hidden, opacity, reading, apart, open, close, arrive, toggle, go, read, thicken: (to) => void (opacity.value = to) }
}
