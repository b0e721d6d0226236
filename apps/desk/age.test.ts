import { describe, expect, it } from 'vitest'

import cases from '../../tests/ages.json'
import { ageAt, ageWords, monthsAt, monthsWords } from './age'

describe('ages', () => {
  it.each(cases)('born $birth, $day: $zh', ({ birth, day, zh, en }) => {
    expect(ageWords(ageAt(birth, day), 'zh')).toBe(zh)
    expect(ageWords(ageAt(birth, day), 'en')).toBe(en)
    expect(ageAt(birth.replaceAll('-', ''), day.replaceAll('-', ''))).toEqual(ageAt(birth, day))
  })

  it('knows no age without two days of the calendar in order', () => {
    for (const [birth, day] of [['2026-11-24', '2026-11-23'], ['1990-02-31', '2026-11-23'], [null, '2026-11-23'], ['2020', '2026-11-23'], ['2020-01-01', undefined]] as const) {
      expect(ageAt(birth, day)).toBeNull()
    }
    expect(ageWords(null, 'zh')).toBe('')
  })

  it.each(cases)('born $birth, $day: whole months as the age says', ({ birth, day }) => {
    const [months, age] = [monthsAt(birth, day), ageAt(birth, day)]
    const whole = Math.floor(months ?? -1)
    if (age?.unit === 'M') expect(whole).toBe(age.value)
    else if (age?.unit === 'Y') expect([Math.floor(whole / 12), age.value < 7 ? whole % 12 : 0]).toEqual([age.value, age.months])
    else expect(whole).toBe(0)
  })

  it('counts a begun month by its days', () => {
    expect(monthsAt('2020-01-15', '2023-07-15')).toBe(42)
    expect(monthsAt('2020-01-15', '2023-07-30')).toBeCloseTo(42 + 15 / 31)
    expect(monthsAt('2020-01-15', '2020-01-15')).toBe(0)
    expect(monthsAt('2024-01-31', '2024-03-01')).toBeCloseTo(1 + 1 / 31)
    expect(monthsAt('2020-01-15', '2020-01-14')).toBeNull()
    expect(monthsAt(null, '2020-01-14')).toBeNull()
  })

  it.each([[0, '0月', '0 mo'], [18, '18月', '18 mo'], [24, '2岁', '2 y'], [42.9, '3岁6月', '3 y 6 mo'], [112, '9岁4月', '9 y 4 mo'], [216, '18岁', '18 y']] as const)('%d months', (months, zh, en) => {
    expect([monthsWords(months, 'zh'), monthsWords(months, 'en')]).toEqual([zh, en])
  })
})
