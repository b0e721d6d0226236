import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { knownProblem, type Api } from '../desk/shell'
import { watchReachable } from './reachable'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

function service() {
  const state = { up: true, refuse: false, probes: 0 }
  const answer = async <T>(): Promise<T> => {
    if (!state.up) throw knownProblem('network.down')
    if (state.refuse) throw knownProblem('request.refused', 403)
    return {} as T
  }
  const api: Api = { get: answer, post: answer, put: answer, delete: answer, raw: () => answer<Response>() }
  const watch = watchReachable(api, '/services/ris/', async () => {
    state.probes += 1
    return state.up
  })
  return { state, watch }
}

describe('reachability of the records service', () => {
  it('is lost at the first failed request, although no stream was closed, and comes back by itself', async () => {
    const { state, watch } = service()
    state.up = false
    await expect(watch.api.put('/services/ris/api/v1/reports/1/draft', {})).rejects.toMatchObject({ code: 'network.down' })
    await vi.advanceTimersByTimeAsync(1)
    expect(watch.away.value).toBe(true)
    state.up = true
    await vi.advanceTimersByTimeAsync(1100)
    expect(watch.away.value).toBe(false)
    watch.stop()
  })

  it('is noticed within ten seconds although nobody asks anything', async () => {
    const { state, watch } = service()
    state.up = false
    await vi.advanceTimersByTimeAsync(10_000)
    expect(watch.away.value).toBe(true)
    watch.stop()
  })

  it('is not doubted when the service refuses, or when another service is away', async () => {
    const { state, watch } = service()
    state.refuse = true
    await expect(watch.api.get('/services/ris/api/v1/me')).rejects.toMatchObject({ status: 403 })
    state.up = false
    await expect(watch.api.get('/services/images/studies/1/summary')).rejects.toMatchObject({ status: 0 })
    expect(state.probes).toBe(0)
    expect(watch.away.value).toBe(false)
    watch.stop()
  })
})
