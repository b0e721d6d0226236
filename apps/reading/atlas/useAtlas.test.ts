import { effectScope, nextTick, shallowRef } from 'vue'
import { describe, expect, it, vi } from 'vitest'

import type { Row } from '../records'
import type { Atlas, Plate } from './plates'
import { useAtlas, type OpenAtlas } from './useAtlas'

const plate = (sex: Plate['sex'], months: number): Plate => ({ sex, months, digest: `${sex}${months}` })
const atlas = (...plates: Plate[]): Atlas => ({ installed: true, name: null, plates, faults: [] })
const FULL = atlas(plate('M', 36), plate('M', 42), plate('M', 48), plate('F', 30), plate('F', 44))
const row = (sex: string | null = 'M', birth: string | null = '2020-01-15'): Row => ({ exam_id: 1, patient: { sex, birth_date: birth, age: birth ? { value: 3, unit: 'Y', months: 6, days: 1277 } : null } }) as unknown as Row

async function opened(of: Row, boneAgeAtlas: () => Promise<Atlas> = async () => FULL): Promise<OpenAtlas & { change(row: Row): void }> {
  const now = shallowRef(of)
  const open = effectScope().run(() => useAtlas({ boneAgeAtlas }, () => now.value)) as OpenAtlas
  await vi.waitFor(() => expect(open.status.value).not.toBe('loading'))
  return { ...open, change: (next) => void (now.value = next) }
}

describe('the open atlas', () => {
  it('begins at the nearest plate and ends at the first and the last', async () => {
    const open = await opened(row())
    expect(open.plate.value?.digest).toBe('M42')
    open.go(1)
    open.go(1)
    expect(open.plate.value?.digest).toBe('M48')
    for (let step = 0; step < 5; step++) open.go(-1)
    expect([open.plate.value?.digest, open.at.value]).toEqual(['M36', 0])
    open.go(1)
    expect(open.plate.value?.digest).toBe('M42')
    open.go(1)
    open.back()
    expect(open.plate.value?.digest).toBe('M42')
  })
  it('turns to the other sex at its nearest plate, and back', async () => {
    const open = await opened(row())
    open.go(1)
    open.turnTo('F')
    expect([open.plate.value?.digest, open.child.value.sex]).toEqual(['F44', 'M'])
    open.turnTo('M')
    expect(open.plate.value?.digest).toBe('M42')
  })
  it('shows nothing before what is not known has been said', async () => {
    const open = await opened(row(null, null))
    expect([open.plate.value, open.asked.value]).toEqual([null, { sex: true, months: true }])
    Object.assign(open.told, { sex: 'F', months: 31 })
    expect(open.plate.value?.digest).toBe('F30')
    open.go(1)
    open.told.months = 30
    await nextTick()
    expect(open.plate.value?.digest).toBe('F30')
  })
  it('believes the record, once it says it, not the reader', async () => {
    const open = await opened(row(null))
    open.told.sex = 'F'
    expect(open.sex.value).toBe('F')
    open.change(row('M'))
    expect(open.sex.value).toBe('M')
  })
  it('fails with a problem, and comes with the next try', async () => {
    const answers = [Promise.reject(new Error('away')), Promise.resolve(FULL)]
    answers[0]?.catch(() => undefined)
    const open = await opened(row(), () => answers.shift() as Promise<Atlas>)
    expect([open.status.value, open.problem.value !== null]).toEqual(['failed', true])
    await open.load()
    expect([open.status.value, open.plate.value?.digest]).toEqual(['ready', 'M42'])
  })
  it('drops an answer that a newer question has overtaken', async () => {
    let late: (atlas: Atlas) => void = () => undefined
    const answers = [Promise.resolve(FULL), new Promise<Atlas>((resolve) => (late = resolve)), Promise.resolve(atlas(plate('M', 60)))]
    const open = await opened(row(), () => answers.shift() as Promise<Atlas>)
    const first = open.load()
    await open.load()
    late(FULL)
    await first
    expect(open.plates.value.map(({ digest }) => digest)).toEqual(['M60'])
  })
})
