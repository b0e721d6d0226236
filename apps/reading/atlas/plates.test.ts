import { describe, expect, it } from 'vitest'

import type { Row } from '../records'
import { childOf, difference, isSex, nearest, ofSex, sentence, type Plate } from './plates'
import { FITTED, moved, zoomed } from './zoom'

const plate = (months: number, sex: Plate['sex'] = 'M'): Plate => ({ sex, months, digest: `${sex}${months}` })
const boys = [3, 36, 42, 48, 216].map((months) => plate(months))
const patient = (more: Partial<Row['patient']>): Pick<Row, 'patient'> => ({ patient: { id: '1', patient_id: 'P', name: '', pinyin: null, sex: 'M', birth_date: '2020-01-15', age: { value: 3, unit: 'Y', months: 6, days: 1277 }, ...more } })

describe('the nearest plate', () => {
  it.each([
    [36, 36, ''], [38.9, 36, ''], [39.1, 42, ''], [42.4, 42, ''], [45.5, 48, ''], [216, 216, ''], [216.5, 216, ''], [3, 3, ''],
    [2.9, 3, 'younger'], [0, 3, 'younger'], [217, 216, 'older'], [400, 216, 'older'],
  ])('to %d months is that of %d', (months, of, outside) => {
    const found = nearest(boys, months)
    expect([boys[found?.at ?? -1]?.months, found?.outside]).toEqual([of, outside])
  })
  it('is the younger between two', () => {
    expect(boys[nearest(boys, 39)?.at ?? -1]?.months).toBe(36)
    expect(boys[nearest(boys, 45)?.at ?? -1]?.months).toBe(42)
  })
  it('is none without plates', () => expect(nearest([], 36)).toBeNull())
  it('is one of the sex, from young to old', () => {
    const all = [plate(48), plate(36, 'F'), plate(36), plate(12, 'F')]
    expect(ofSex(all, 'M').map(({ months }) => months)).toEqual([36, 48])
    expect(ofSex(all, 'F').map(({ digest }) => digest)).toEqual(['F12', 'F36'])
    expect(ofSex(boys, 'F')).toEqual([])
  })
})

describe('the child', () => {
  it('is as old as at the exam, to the day', () => {
    expect(childOf(patient({}))).toEqual({ sex: 'M', months: 42 })
    expect(childOf(patient({ age: { value: 3, unit: 'Y', months: 6, days: 1292 } })).months).toBeCloseTo(42 + 15 / 31)
  })
  it('is not guessed', () => {
    expect(childOf(patient({ sex: null })).sex).toBeNull()
    expect(childOf(patient({ sex: 'O' })).sex).toBeNull()
    expect(childOf(patient({ birth_date: null, age: null })).months).toBeNull()
    expect(childOf(patient({ age: null })).months).toBeNull()
    expect(['M', 'F', 'O', '', null].map(isSex)).toEqual([true, true, false, false, false])
  })
})

describe('what is said of a plate', () => {
  const name = { zh: '中华 05', en: 'CHN 05' }
  it('names age and atlas', () => {
    expect(sentence('zh', plate(42), name, 'M')).toBe('骨龄约 3岁6月（中华 05）')
    expect(sentence('en', plate(42), name, 'M')).toBe('Bone age about 3 y 6 mo (CHN 05)')
  })
  it('says the sex where it is not the child’s', () => {
    expect(sentence('zh', plate(112, 'F'), name, 'M')).toBe('骨龄约 9岁4月（中华 05，女性图谱）')
    expect(sentence('en', plate(112, 'M'), null, 'F')).toBe('Bone age about 9 y 4 mo (plates of boys)')
  })
  it('does without a name', () => expect(sentence('zh', plate(216), null, 'M')).toBe('骨龄约 18岁'))
  it('tells how far it is from the child', () => {
    expect(difference('zh', plate(48), 42.9)).toBe('比患儿大 6月')
    expect(difference('en', plate(36), 62)).toBe('2 y 2 mo younger')
    expect(difference('zh', plate(42), 42.9)).toBe('与患儿同龄')
  })
})

describe('zooming a plate', () => {
  const frame = { width: 400, height: 600 }
  it('keeps what is under the pointer there', () => {
    const at = { x: 100, y: -50 }
    const lie = zoomed(FITTED, 2, at, frame)
    expect(lie).toEqual({ scale: 2, x: -100, y: 50 })
    // the point of the picture that was under the pointer still is
    expect([(at.x - lie.x) / lie.scale, (at.y - lie.y) / lie.scale]).toEqual([100, -50])
  })
  it('ends at the whole picture and at twelve times', () => {
    expect(zoomed({ scale: 2, x: 80, y: 9 }, 0.1, { x: 0, y: 0 }, frame)).toEqual(FITTED)
    expect(zoomed(FITTED, 100, { x: 0, y: 0 }, frame).scale).toBe(12)
  })
  it('moves an enlarged picture, never out of sight', () => {
    expect(moved(FITTED, { x: 30, y: 30 }, frame)).toEqual(FITTED)
    expect(moved({ scale: 2, x: 0, y: 0 }, { x: 30, y: -20 }, frame)).toEqual({ scale: 2, x: 30, y: -20 })
    expect(moved({ scale: 2, x: 0, y: 0 }, { x: 9999, y: -9999 }, frame)).toEqual({ scale: 2, x: 400, y: -600 })
  })
})
