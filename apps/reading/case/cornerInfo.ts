/** What stands in the corners of the images: the desk's own data, so that the viewer need not ask for it. */
import type { Lang } from '../../desk/shell'
import type { Row, Summary } from '../records'
import { hospitalName } from '../wording'

/**
 * `row` is the exam the study belongs to. The date of the study is the one in its header, or none: the day the images arrived is not
 * the day they were made. While the summary is not there yet the viewer asks for the date itself.
 */
export function cornerInfo(row: Row, summary: Summary | null, seriesUid: string, lang: Lang): Record<string, unknown> {
  const series = summary?.series.find((each) => each.series_uid === seriesUid)
  return {
    patient: { name: row.patient.name, patient_id: row.patient.patient_id, sex: row.patient.sex, birth_date: row.patient.birth_date },
    institution: hospitalName(lang, row), study_description: row.description, accession: row.accession,
    modality: series?.modality ?? row.modality, series_number: series?.number ?? null, series_description: series?.description ?? null,
    ...(summary ? { study_date: summary.study_date } : {}),
  }
}
