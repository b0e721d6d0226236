import { describe, expect, it } from 'vitest'

import type { Row, Summary } from '../records'
import { cornerInfo } from './cornerInfo'

const ROW = {
  accession: 'A1', modality: 'CT', description: '头颅', arrived_at: '2026-11-26T00:46:00Z',
  institution: { code: 'H01', name: '第一医院', name_en: 'First' },
  patient: { id: '1', patient_id: 'P1', name: '王小明', sex: 'M', birth_date: '2023-09-01' },
} as unknown as Row
const SUMMARY = { study_uid: '1.2', study_date: null, series: [{ series_uid: '1.2.3', modality: 'SR', number: 4, description: 'Dose' }] } as unknown as Summary

describe('corners of the images', () => {
  it('have the date of the header, and none where the header has none', () => {
    expect(cornerInfo(ROW, SUMMARY, '1.2.3', 'zh')).toHaveProperty('study_date', null)
    expect(cornerInfo(ROW, { ...SUMMARY, study_date: '2026-11-20' }, '1.2.3', 'zh')).toHaveProperty('study_date', '2026-11-20')
    expect(cornerInfo(ROW, null, '1.2.3', 'zh')).not.toHaveProperty('study_date')
  })

  it('name the series, or what is known of the exam', () => {
    expect(cornerInfo(ROW, SUMMARY, '1.2.3', 'en')).toMatchObject({ modality: 'SR', series_number: 4, series_description: 'Dose', institution: 'First' })
    expect(cornerInfo(ROW, SUMMARY, '1.2.9', 'zh')).toMatchObject({ modality: 'CT', series_number: null, institution: '第一医院', patient: { name: '王小明' } })
  })
})
