import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, nextTick, ref } from 'vue'

import { useThumbnail, type Thumbnail } from './useThumbnail'

describe('a thumbnail', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('that failed while the node was away comes when it is back, and is not asked for without end', async () => {
    const series = ref('1')
    const scope = effectScope()
    const one = scope.run(() => useThumbnail(() => series.value)) as Thumbnail
    one.failed()
    expect(one.missing.value).toBe(true)
    await vi.advanceTimersByTimeAsync(3000)
    expect(one.missing.value).toBe(false) // asked for again
    let asked = 1
    for (let second = 0; second < 3600; second += 1) {
      if (!one.missing.value) {
        asked += 1
        one.failed()
      }
      await vi.advanceTimersByTimeAsync(1000)
    }
    expect(asked).toBe(7)
    series.value = '2'
    await nextTick()
    expect(one.missing.value).toBe(false)
    one.failed()
    scope.stop()
    expect(vi.getTimerCount()).toBe(0)
  })
})
