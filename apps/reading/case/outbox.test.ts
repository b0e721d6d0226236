import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { knownProblem, Problem } from '../../desk/shell'
import { Outbox, type Answered, type OutboxState, type Waiting } from './outbox'

const WORDS = { zh: { title: '', action: '' }, en: { title: '', action: '' } }
interface Word extends Waiting { text: string }

/** A queue of words; `hold` keeps the answers back until it is called off, `fail` is what the server says instead. */
function bench() {
  const world = { sent: [] as string[], events: [] as string[], states: [] as OutboxState['kind'][], local: [] as string[], fail: null as Problem | null, delay: 0, open: 0, most: 0, keeps: 0 }
  const box = new Outbox<Word, Answered>({
    async write({ id, text, version }) {
      world.most = Math.max(world.most, (world.open += 1))
      if (world.delay) await new Promise((resolve) => setTimeout(resolve, world.delay))
      world.open -= 1
      if (world.fail) throw world.fail
      world.sent.push(`${id} ${text} v${version ?? '-'}`)
      return { id, version: (version ?? 0) + 1, updated_at: `at ${id}` }
    },
    keep: async (exam, changes) => {
      // The first write takes longest: run side by side it would come last.
      if ((world.keeps += 1) === 1) await new Promise((resolve) => setTimeout(resolve, 50))
      world.local.push(`${exam}: ${changes.map(({ id, text }) => `${id} ${text}`).join(', ')}`)
    },
    unanswered: ({ id }) => world.events.push(`unanswered ${id}`),
    taken: (change, record) => {
      world.events.push(`taken ${change.id}`)
      box.settle(change, { version: record.version })
    },
    overtaken: (change, current) => {
      world.events.push(`overtaken ${change.id} by v${current.version}`)
      box.drop(change)
    },
    refused: (change, problem) => {
      world.events.push(`refused ${change.id}`)
      box.refuse(change, problem, change.version === null)
    },
    changed: (state) => world.states.push(state.kind),
    retries: [1000, 3000],
  })
  const put = (id: string, text: string, more: Partial<Word> = {}): void => box.put({ exam: 7, id, text, version: null, problem: null, due: 0, ...more })
  return { world, box, put }
}

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

describe('the outbox', () => {
  it('sends one at a time in the order of touching, what is not due yet last, and says so', async () => {
    const { world, box, put } = bench()
    world.delay = 10
    put('late', 'x', { due: Date.now() + 500 })
    put('a', 'x')
    put('b', 'x')
    box.again()
    await pass(100)
    expect(world.sent).toEqual(['a x v-', 'b x v-'])
    expect(box.state.kind).toBe('dirty')
    await pass(500)
    expect(world.sent).toHaveLength(3)
    expect(world.most).toBe(1)
    expect(box.state).toEqual({ kind: 'saved', at: 'at late' })
  })

  it('goes on from the answer with what was changed while the first was sent', async () => {
    const { world, put } = bench()
    world.delay = 100
    put('a', 'one')
    put('b', 'x')
    await pass(50)
    put('a', 'two')
    await pass(500)
    expect(world.sent).toEqual(['a one v-', 'a two v1', 'b x v-'])
  })

  it('keeps every change locally in its order, and nothing once it is sent', async () => {
    const { world, put } = bench()
    put('a', 'one')
    await pass(100)
    expect(world.local).toEqual(['7: a one', '7: '])
    world.fail = knownProblem('network.down')
    put('b', 'x')
    put('a', 'two')
    await pass(10)
    expect(world.local.at(-1)).toBe('7: b x, a two')
  })

  it('tries an unreachable server again after growing pauses, and at once when the link is back', async () => {
    const { world, box, put } = bench()
    world.fail = knownProblem('network.down')
    put('a', 'x')
    await pass(4500)
    expect(world.events).toEqual(['unanswered a', 'unanswered a', 'unanswered a']) // at 0, 1 and 4 s
    expect(box.state.kind).toBe('kept')
    world.fail = null
    box.reconnected()
    await pass(1)
    expect(world.sent).toEqual(['a x v-'])
    expect(await box.flush()).toBe(true)
    // and not again by the timer that still ran
    await pass(10000)
    expect(world.sent).toHaveLength(1)
  })

  it('holds what is refused for good, goes on with the others, and tries it when told to', async () => {
    const { world, box, put } = bench()
    world.fail = new Problem(409, 'no', WORDS)
    put('a', 'x')
    put('known', 'x', { version: 3 })
    await pass(1)
    expect(world.events).toEqual(['refused a', 'refused known'])
    expect(box.of(7).map(({ id, problem }) => [id, problem?.code])).toEqual([['a', 'no']])
    world.fail = null
    put('b', 'x')
    await pass(1)
    expect([world.sent, box.state.kind]).toEqual([['b x v-'], 'refused'])
    box.again()
    await pass(1)
    expect([world.sent.at(-1), box.state.kind]).toEqual(['a x v-', 'saved'])
  })

  it('gives a conflict with what the server has to its owner; one without a record is a refusal', async () => {
    const { world, put } = bench()
    world.fail = new Problem(409, 'row.version', WORDS, { current: { id: 'a', version: 5, updated_at: '' } })
    put('a', 'x')
    await pass(1)
    world.fail = new Problem(409, 'row.version', WORDS)
    put('b', 'x')
    await pass(1)
    expect(world.events).toEqual(['overtaken a by v5', 'refused b'])
  })

  it('takes over what an earlier page left, without going back behind what is newer here, and is quiet when it has ended', async () => {
    const { world, box, put } = bench()
    world.delay = 10
    put('a', 'new')
    box.adopt([{ exam: 7, id: 'a', text: 'old', version: null, problem: null, due: 0 }, { exam: 9, id: 'z', text: 'x', version: null, problem: null, due: 0 }])
    const flushed = box.flush()
    await pass(100)
    expect(await flushed).toBe(true)
    expect(world.sent).toEqual(['a new v-', 'z x v-'])
    world.fail = knownProblem('network.down')
    put('b', 'x')
    await pass(20)
    box.dispose()
    const told = world.states.length
    await pass(20000)
    expect([world.events.filter((one) => one === 'unanswered b'), world.states.length]).toEqual([['unanswered b'], told])
    expect(box.of(7).map(({ id }) => id)).toEqual(['b'])
  })
})
