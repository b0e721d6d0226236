/** A picture that could not be had is asked for again, less and less often: the node may only have been away for a moment. */
import { onScopeDispose, ref, watch, type Ref } from 'vue'

const PAUSES = [3, 6, 12, 30, 60, 120]

export interface Thumbnail {
  /** There is none to show now. */
  missing: Ref<boolean>
  failed(): void
  loaded(): void
}

export function useThumbnail(of: () => string): Thumbnail {
  const missing = ref(false)
  let failures = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  function again(): void {
    clearTimeout(timer)
    missing.value = false
  }

  function failed(): void {
    missing.value = true
    const pause = PAUSES[failures]
    failures += 1
    clearTimeout(timer)
    if (pause !== undefined) timer = setTimeout(again, pause * 1000)
  }

  watch(of, () => {
    failures = 0
    again()
  })
  onScopeDispose(() => clearTimeout(timer))
  return { missing, failed, loaded: () => void (failures = 0) }
}
