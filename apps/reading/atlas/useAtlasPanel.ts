/** Whether this case is read against the bone-age atlas, and the panel beside its images. */
import { computed, nextTick, type ComputedRef, type Ref } from 'vue'

import type { Me } from '../../desk/shell'
import { isBoneAgeFilm } from '../../viewer/hanging/boneage'
import { factsOf, seriesFacts } from '../case/caseFacts'
import type { OpenCase } from '../case/useCase'
import type { Panel } from '../usePanels'

export interface AtlasBeside {
  /** The case is one for it, and the person may see it. */
  here: ComputedRef<boolean>
  shown: ComputedRef<boolean>
  toggle(): void
}

export interface AtlasParts {
  me: Ref<Me | null>
  open: Pick<OpenCase, 'row' | 'studies'>
  kept: Panel
  /** It was opened by hand. */
  enter(): void
  /** It was asked for by key in another case. */
  refuse(): void
  /** It was closed: the focus goes back to the images. */
  leave(): void
}

export function useAtlasPanel({ me, open, kept, enter, refuse, leave }: AtlasParts): AtlasBeside {
  const series = computed(() => open.studies.value.flatMap(({ study_uid: study, summary }) => seriesFacts(study, summary?.series ?? [])))
  const here = computed(() => open.row.value !== null && (me.value?.operations.includes('atlas.view') ?? false) && isBoneAgeFilm(factsOf(open.row.value), series.value))
  const shown = computed(() => here.value && kept.open)

  function toggle(): void {
    if (!here.value) return refuse()
    kept.open = !kept.open
    if (kept.open) void nextTick(enter)
    else leave()
  }
  return { here, shown, toggle }
}
