import { describe, expect, it } from 'vitest'

import { COMMANDS, type Command } from '../../viewer/commands'
import { keysOf, type OwnKeys } from '../../viewer/keys'
import { asUsual, firstKey, give, holder, isFree, take } from './viewerKeys'

const command = (id: string): Command => COMMANDS.find((one) => one.id === id) as Command
/** Every key that means something, and how many commands it means. */
const meanings = (own: OwnKeys): Map<string, number> => {
  const found = new Map<string, number>()
  for (const one of COMMANDS) for (const key of keysOf(one, own)) found.set(key, (found.get(key) ?? 0) + 1)
  return found
}

describe('keys of the reader', () => {
  it('go from one command to another, and back', () => {
    let own = give({}, command('tool-length'), 'w')
    expect(own).toEqual({ 'tool-length': ['l', 'w'], 'tool-window': [] })
    expect(holder(own, 'w')?.id).toBe('tool-length')
    own = give(own, command('tool-window'), 'F9')
    expect(keysOf(command('tool-window'), own)).toEqual(['F9'])
    own = take(own, command('tool-length'), 'w')
    expect(own).toEqual({ 'tool-window': ['F9'] })
    expect(asUsual(own, command('tool-window'))).toEqual({})
  })

  it('mean one command each whatever is done', () => {
    const keys = ['w', 'l', 'd', '7', 'F9', 'Shift+b', 'ArrowUp', 'Ctrl+z', ' ']
    let own: OwnKeys = {}
    let seed = 7
    const next = (below: number): number => ((seed = (seed * 48271) % 2147483647), seed % below)
    for (let step = 0; step < 2000; step += 1) {
      const one = COMMANDS[next(COMMANDS.length)] as Command
      const key = keys[next(keys.length)] as string
      own = [give, take][next(2)]?.(own, one, key) ?? asUsual(own, one)
      if (next(9) === 0) own = asUsual(own, one)
      expect([...meanings(own).values()].every((count) => count === 1), JSON.stringify(own)).toBe(true)
    }
  })

  it('of the desk and the browser are not to be had', () => {
    expect(['F8', 'F5', '?', 'Ctrl+Enter', 'Ctrl+w'].map(isFree)).toEqual([false, false, false, false, false])
    expect(['F9', 'd', 'Ctrl+z', 'Ctrl+Shift+z'].map(isFree)).toEqual([true, true, true, true])
  })

  it('are said by the button of their command', () => {
    expect(firstKey({}, 'mpr')).toBe('M')
    expect(firstKey({ mpr: ['Ctrl+m'] }, 'mpr')).toBe('Ctrl M')
    expect(firstKey({ mpr: [] }, 'mpr')).toBe('')
  })
})
