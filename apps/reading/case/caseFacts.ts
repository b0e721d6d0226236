/** A row of the worklist, and series of a study, as hanging protocols see them. */
import type { CaseFacts, SeriesFacts } from '../../viewer/hanging/protocol'
import type { Row, SeriesAhead } from '../records'

export function factsOf(row: Row): CaseFacts {
  const { modality, body_part: part, description, patient } = row
  return { modality, part, description, age: patient.age?.days ?? null, date: row.performed_at ?? row.arrived_at ?? row.ordered_at }
}

/** Those that can be shown. */
export function seriesFacts(study: string, series: readonly SeriesAhead[]): SeriesFacts[] {
  return series.filter(({ renderable }) => renderable).map(({ series_uid, number, modality, description, frames }) => ({ study, series: series_uid, number, modality, description, frames }))
}
