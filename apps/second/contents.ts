/** What the second window shows of a case: a prior, what the desk's own screen does not show, or the image that is being read, large. */
import type { HangRequest, HungRequest, Presentation } from '../viewer/api'
import { BUILT_IN } from '../viewer/hanging/builtin'
import { comparable, inOrder } from '../viewer/hanging/choosing'
import { hang, smallestGrid, type PlannedCell } from '../viewer/hanging/plan'
import { viewRequest, type PriorFacts, type SeriesFacts } from '../viewer/hanging/protocol'
import { factsOf } from '../reading/case/caseFacts'
import type { Exam, Row } from '../reading/records'

export const CONTENTS = ['prior', 'rest', 'large'] as const
export type Contents = (typeof CONTENTS)[number]
/** Views of a grid without a protocol. */
const MOST = 9

export const isContents = (name: unknown): name is Contents => CONTENTS.some((one) => one === name)

/** Priors with images that can be compared with the case, the newest first; all that have images when none can. */
export function priorsFor(row: Row, exam: Exam, series: readonly SeriesFacts[]): Row[] {
  const priors = exam.priors.filter(({ study_uids: uids }) => uids.length > 0)
  const facts: PriorFacts[] = priors.map((prior) => ({ ...factsOf(prior), exam: prior.exam_id, series: null }))
  const fitting = comparable(factsOf(row), series, facts).map(({ exam: id }) => priors.find((prior) => prior.exam_id === id)).filter((prior) => prior !== undefined)
  return [...fitting, ...priors.filter((prior) => !fitting.includes(prior))]
}

const cellOf = ({ study, series, index, view, window }: PlannedCell): HungRequest => ({
  study, series, ...(index === undefined ? {} : { index }), ...(window ? { window } : {}), ...(view === 'rendering' ? {} : viewRequest(view)),
})

/** An exam by itself, hung as the desk would hang it; a grid of its series where no protocol fits. */
export function examScreen(row: Row, series: readonly SeriesFacts[]): HangRequest {
  const plan = hang(BUILT_IN, { facts: factsOf(row), series, priors: [] })
  if (plan) return { layout: plan.layout, cells: plan.cells.map((cell) => cell && cellOf(cell)), active: plan.active, linked: plan.linked }
  return gridOf(series)
}

/** What is not in `shown`. */
export function restScreen(series: readonly SeriesFacts[], shown: readonly string[]): HangRequest {
  return gridOf(series.filter((one) => !shown.includes(one.series)))
}

/** One picture of the desk as large as the window. What else its presentation says is put on it once it is there. */
export function largeScreen(study: string, series: string, index: number, presentation: Presentation | null): HangRequest {
  const { rotation = 0, mirrored = false, reconstruction = null } = presentation ?? {}
  const at = reconstruction?.made === 'cpr' ? reconstruction.angle : index
  const cell: HungRequest = {
    study, series, turn: { rotation, mirrored }, ...(at < 0 || reconstruction?.made === 'mpr' ? {} : { index: at }),
    ...(reconstruction ? { reconstruction, ...(reconstruction.made === 'rendering' ? { rendering: true } : {}) } : {}),
  }
  return { layout: '1x1', cells: [cell], active: 0, linked: false }
}

/** Whether two pictures are of one stack, so that one view can go from one to the other. */
export const sameStack = (a: Presentation | null, b: Presentation | null): boolean => stackOf(a) === stackOf(b)

function stackOf(presentation: Presentation | null): string {
  const { reconstruction = null } = presentation ?? {}
  return reconstruction?.made === 'mpr' ? reconstruction.plane : (reconstruction?.made ?? 'image')
}

function gridOf(series: readonly SeriesFacts[]): HangRequest {
  const cells = inOrder(series).slice(0, MOST).map((one) => ({ study: one.study, series: one.series }))
  return { layout: smallestGrid(cells.length), cells, active: 0, linked: cells.length > 1 }
}
