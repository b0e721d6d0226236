import { describe, expect, it } from 'vitest'

import cases from '../../tests/ages.json'
import { ageAt, ageWords } from './age'

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
})
