/** The order of the worklist: STAT that still waits is always on top; below it the column that the doctor chose. */
import type { Row } from './records'
import { isOpen } from './stages'

export type Column = 'priority' | 'stage' | 'name' | 'sex' | 'age' | 'institution' | 'description' | 'body_part' | 'images' | 'waiting'
export interface Sort { column: Column; descending: boolean }

/** Longest waiting first, as ris gives it. */
export const DEFAULT_SORT: Sort = { column: 'waiting', descending: true }

const PRIORITY = { stat: 0, urgent: 1, routine: 2 } as const
const STAGES = ['arriving', 'to_write', 'returned', 'writing', 'to_review', 'in_review', 'booked', 'signed', 'cancelled']
const chinese = new Intl.Collator('zh-CN-u-co-pinyin', { numeric: true })

/** The moment from which a row waits; rows without one wait the shortest. */
function waitingFrom(row: Row): string {
  return row.waiting_since ?? row.arrived_at ?? row.performed_at ?? row.ordered_at ?? '9999'
}

const COMPARE: Record<Column, (a: Row, b: Row) => number> = {
  priority: (a, b) => PRIORITY[a.priority] - PRIORITY[b.priority],
  stage: (a, b) => STAGES.indexOf(a.stage) - STAGES.indexOf(b.stage),
  name: (a, b) => chinese.compare(a.patient.name, b.patient.name),
  sex: (a, b) => chinese.compare(a.patient.sex ?? '', b.patient.sex ?? ''),
  age: (a, b) => (a.patient.age?.days ?? -1) - (b.patient.age?.days ?? -1),
  institution: (a, b) => chinese.compare(a.institution.name, b.institution.name),
  description: (a, b) => chinese.compare(a.description ?? '', b.description ?? ''),
  body_part: (a, b) => chinese.compare(a.body_part ?? '', b.body_part ?? ''),
  images: (a, b) => a.images - b.images,
  waiting: (a, b) => {
    const [x, y] = [waitingFrom(a), waitingFrom(b)]
    return x < y ? 1 : x > y ? -1 : 0
  },
}

/** Open before booked before closed; within, STAT, urgent, routine: the groups of ris' own order (ris/exams/rules.py, order_of). */
function urgency(row: Row): number {
  if (row.stage === 'signed' || row.stage === 'cancelled') return 9
  return PRIORITY[row.priority] + (row.stage === 'booked' ? 3 : 0)
}

/** A total order (ties end at the exam's id), so that a live change moves only the row that changed. */
export function comparer(sort: Sort): (a: Row, b: Row) => number {
  const direction = sort.descending ? -1 : 1
  const asServed = sort.column === 'waiting' && sort.descending
  return (a, b) => {
    const statA = a.priority === 'stat' && isOpen(a)
    const statB = b.priority === 'stat' && isOpen(b)
    if (statA !== statB) return statA ? -1 : 1
    const group = asServed ? urgency(a) - urgency(b) : 0
    if (group) return group
    // Of closed exams the newest comes first, of open ones the longest waiting.
    const chosen = COMPARE[sort.column](a, b) * (asServed && urgency(a) === 9 ? 1 : direction)
    return chosen || -COMPARE.waiting(a, b) || a.exam_id - b.exam_id
  }
}

/** `rows` with `changed` put in (newer version wins, an older one is ignored), as a map by exam. */
export function merged(rows: ReadonlyMap<number, Row>, changed: Iterable<Row>): Map<number, Row> {
  const result = new Map(rows)
  for (const row of changed) {
    const known = result.get(row.exam_id)
    if (!known || row.version >= known.version) result.set(row.exam_id, row)
  }
  return result
}
