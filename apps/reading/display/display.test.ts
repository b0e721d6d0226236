import { describe, expect, it } from 'vitest'

import type { Api } from '../../desk/shell'
import { BRIGHT_PATCH, DARK_PATCH, GROUND, STEPS, testPattern, type Rect } from './pattern'
import { displayCheck, isDue, readWorkstation, type Workstation } from './workstation'

const DAY = 86_400_000
const NOW = Date.parse('2026-11-27T04:00:00Z')

describe.each([[1046, 768], [1600, 1080], [2240, 1440], [1200, 1600]])('the pattern at %i×%i device pixels', (width, height) => {
  const { rects, words } = testPattern(width, height)
  const named = (name: string): Rect => rects.find((rect) => rect.name === name) as Rect
  it('has the steps of TG18, 15 apart from black to white', () => {
    expect(STEPS).toEqual([0, 15, 30, 45, 60, 75, 90, 105, 120, 135, 150, 165, 180, 195, 210, 225, 240, 255])
    for (const grey of STEPS) expect(named(`step ${grey}`).width).toBeGreaterThan(20)
  })
  it('has 5 % in black and 95 % in white', () => {
    expect(Math.abs(DARK_PATCH / 255 - 0.05)).toBeLessThan(0.002)
    expect(Math.abs(BRIGHT_PATCH / 255 - 0.95)).toBeLessThan(0.002)
    for (const name of ['dark', 'bright']) {
      const [ground, patch] = [named(`${name} ground`), named(`${name} patch`)]
      expect(patch.x).toBeGreaterThan(ground.x)
      expect(patch.x + patch.width).toBeLessThan(ground.x + ground.width)
    }
  })
  it('has whole pixels inside the display, and nothing over the steps', () => {
    for (const { x, y, width: wide, height: high } of rects) {
      for (const value of [x, y, wide, high]) expect(Number.isInteger(value)).toBe(true)
      expect(x >= 0 && y >= 0 && x + wide <= width && y + high <= height).toBe(true)
    }
    const over = (a: Rect, b: Rect): boolean => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
    const blocks = rects.filter(({ name }) => name && /^step|ground$|faint|upright|level/.test(name) && name !== 'ground')
    blocks.forEach((a, at) => blocks.slice(at + 1).forEach((b) => expect(`${a.name} ${b.name} ${over(a, b)}`).toBe(`${a.name} ${b.name} false`)))
  })
  it('has lines of one pixel in the middle and in every corner', () => {
    for (const place of ['middle', 'left top', 'right top', 'left bottom', 'right bottom']) {
      const square = named(`${place} 1 upright`)
      const white = rects.filter((rect) => rect.width === 1 && rect.grey === 255 && rect.height === square.height && rect.y === square.y && rect.x >= square.x && rect.x < square.x + square.width)
      expect(white.map(({ x }) => x - square.x).slice(0, 4)).toEqual([0, 2, 4, 6])
    }
  })
  it('has letters that fade to one step of grey', () => expect(Math.min(...words.filter(({ grey }) => grey > GROUND && grey < 200).map(({ grey }) => grey - GROUND))).toBe(1))
})

describe('the reminder', () => {
  const one = (more: Partial<Workstation> = {}): Workstation => ({ ...readWorkstation(null), ...more })
  it('comes when the display was never checked, or 30 days ago, or failed', () => {
    const checked = (days: number, passed = true): Workstation => one({ last: { at: new Date(NOW - days * DAY).toISOString(), passed } })
    expect([isDue(one(), NOW), isDue(checked(29), NOW), isDue(checked(30), NOW), isDue(checked(1, false), NOW)]).toEqual([true, false, true, true])
    expect(isDue({ ...checked(8), days: 7 }, NOW)).toBe(true)
  })
  it('is put off for the day only', () => {
    const kept = new Map<string, string>()
    const check = displayCheck({} as Api, { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) })
    check.later()
    const again = readWorkstation(kept.get('hub.workstation') ?? null)
    expect([again.id, isDue(again, Date.now()), isDue(again, Date.now() + DAY)]).toEqual([check.workstation.value.id, false, true])
  })
  it('takes nothing for a workstation that is none', () => {
    for (const text of ['', '{', '{"id":"x"}', '[]', '7']) expect(readWorkstation(text).last).toBeNull()
    expect(readWorkstation('{"id":"00000000-0000-4000-8000-000000000000","days":-1,"last":{"at":"never"}}')).toMatchObject({ days: 30, last: null })
  })
})

describe('a check', () => {
  it('that ris does not get is kept, and sent later', async () => {
    let away = true
    const got: unknown[] = []
    const api = { post: (_: string, body: unknown) => (away ? Promise.reject(new Error('away')) : Promise.resolve(got.push(body))) } as unknown as Api
    const kept = new Map<string, string>()
    const storage = { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) }
    const check = displayCheck(api, storage)
    check.change({ name: '三号机' })
    expect(await check.finish({ width: 1600, height: 1080, ratio: 1, seen: { lines: true, steps: false } })).toBe(false)
    away = false
    const later = displayCheck(api, storage)
    expect(later.workstation.value.last?.passed).toBe(false)
    expect(await later.send()).toBe(true)
    expect(got).toEqual([{ workstation: check.workstation.value.id, name: '三号机', width: 1600, height: 1080, ratio: 1, seen: { lines: true, steps: false } }])
    expect(await later.send()).toBe(true)
    expect(got).toHaveLength(1)
  })
})
