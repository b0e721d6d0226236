import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { knownProblem, Problem } from '../../desk/shell'
import type { Report, Text } from '../records'
import { Autosave, type SaveState } from './autosave'

const WORDS = { zh: { title: '', action: '' }, en: { title: '', action: '' } }

function text(findings: string): Text {
  return { findings, impression: '', positive: null }
}

/** A server that keeps every text it was given and a local store that holds one; each can be told to fail. */
function bench() {
  const written: string[] = []
  const states: SaveState['kind'][] = []
  const world = {
    written,
    states,
    local: null as Text | null,
    fail: null as Problem | null,
    delay: 0,
  }
  const autosave = new Autosave({
    write: async (value) => {
      if (world.delay) await new Promise((resolve) => setTimeout(resolve, world.delay))
      if (world.fail) throw world.fail
      written.push(value.findings)
      return { saved_at: '2026-11-23T01:05:12Z' }
    },
    keep: async (value) => void (world.local = { ...value }),
    forget: async () => void (world.local = null),
    changed: (state) => states.push(state.kind),
    retries: [1000, 2000],
  })
  return { world, autosave }
}

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

describe('autosave', () => {
  it('sends once, 400 ms after the last of several changes, and then forgets the local copy', async () => {
    const { world, autosave } = bench()
    for (const value of ['双', '双肺', '双肺纹理']) {
      autosave.edit(text(value))
      await vi.advanceTimersByTimeAsync(300)
    }
    expect(world.written).toEqual([])
    expect(world.local?.findings).toBe('双肺纹理')
    await vi.advanceTimersByTimeAsync(150)
    expect(world.written).toEqual(['双肺纹理'])
    expect(world.local).toBeNull()
    expect(autosave.state).toEqual({ kind: 'saved', at: '2026-11-23T01:05:12Z' })
  })

  it('sends nothing between compositionstart and compositionend, however long the input method takes', async () => {
    const { world, autosave } = bench()
    autosave.edit(text('双肺'))
    autosave.compositionStart()
    autosave.edit(text('双肺wen li'))
    await vi.advanceTimersByTimeAsync(5000)
    expect(world.written).toEqual([])
    expect(await autosave.flush()).toBe(false)
    autosave.edit(text('双肺纹理'))
    autosave.compositionEnd()
    await vi.advanceTimersByTimeAsync(401)
    expect(world.written).toEqual(['双肺纹理'])
  })

  it('keeps text typed while a save is on its way and sends it next', async () => {
    const { world, autosave } = bench()
    world.delay = 1000
    autosave.edit(text('a'))
    await vi.advanceTimersByTimeAsync(500)
    autosave.edit(text('ab'))
    await vi.advanceTimersByTimeAsync(950)
    expect(world.written).toEqual(['a'])
    expect(world.local?.findings).toBe('ab')
    await vi.advanceTimersByTimeAsync(2000)
    expect(world.written).toEqual(['a', 'ab'])
    expect(world.local).toBeNull()
  })

  it('keeps the text here while ris is away, tries again, and sends at once when the link is back', async () => {
    const { world, autosave } = bench()
    world.fail = knownProblem('network.down')
    autosave.edit(text('肺炎'))
    await vi.advanceTimersByTimeAsync(450)
    expect(autosave.state.kind).toBe('kept')
    expect(world.local?.findings).toBe('肺炎')
    await vi.advanceTimersByTimeAsync(1100)
    expect(autosave.state.kind).toBe('kept')
    world.fail = null
    autosave.reconnected()
    await vi.advanceTimersByTimeAsync(1)
    expect(world.written).toEqual(['肺炎'])
    expect(world.local).toBeNull()
  })

  it('on a conflict holds both texts, sends nothing more, and goes on with the chosen one', async () => {
    const { world, autosave } = bench()
    const theirs = { id: 'r1', version: 7, findings: '另一台电脑', impression: '', positive: null } as unknown as Report
    world.fail = new Problem(409, 'report.version', WORDS, { current: theirs })
    autosave.edit(text('我的'))
    await vi.advanceTimersByTimeAsync(450)
    expect(autosave.state).toMatchObject({ kind: 'conflict', mine: { findings: '我的' }, theirs: { findings: '另一台电脑' } })
    world.fail = null
    autosave.edit(text('我的话'))
    await vi.advanceTimersByTimeAsync(5000)
    expect(world.written).toEqual([])
    expect(autosave.state).toMatchObject({ kind: 'conflict', mine: { findings: '我的话' } })
    expect(world.local?.findings).toBe('我的话')
    autosave.resolve(text('两者'))
    await vi.advanceTimersByTimeAsync(450)
    expect(world.written).toEqual(['两者'])
    expect(world.local).toBeNull()
  })

  it('does not try again what ris refuses, and keeps the text', async () => {
    const { world, autosave } = bench()
    world.fail = new Problem(403, 'report.author', WORDS)
    autosave.edit(text('x'))
    await vi.advanceTimersByTimeAsync(20_000)
    expect(world.states.filter((kind) => kind === 'saving')).toHaveLength(1)
    expect(autosave.state.kind).toBe('refused')
    expect(world.local?.findings).toBe('x')
  })

  it('for any order of typing, composing, failures and pauses: the last text reaches ris, and the local copy outlives it', async () => {
    let seed = 20261123
    const random = (below: number) => {
      seed = (seed * 1103515245 + 12345) % 2147483648
      return seed % below
    }
    for (let round = 0; round < 60; round += 1) {
      const { world, autosave } = bench()
      let typed = ''
      for (let step = 0; step < 25; step += 1) {
        const act = random(6)
        if (act <= 1) autosave.edit(text((typed += String.fromCharCode(0x4e00 + random(500)))))
        else if (act === 2) autosave.compositionStart()
        else if (act === 3) autosave.compositionEnd()
        else if (act === 4) world.fail = random(2) ? knownProblem('network.down') : null
        else world.delay = random(900)
        await vi.advanceTimersByTimeAsync(random(1200))
        const reached = world.written.at(-1) ?? ''
        if (reached !== typed) expect(world.local?.findings).toBe(typed)
      }
      world.fail = null
      autosave.compositionEnd()
      autosave.reconnected()
      await vi.advanceTimersByTimeAsync(6000)
      expect(world.written.at(-1) ?? '').toBe(typed)
      expect(world.local).toBeNull()
    }
  })
})
