/** Which stages a worklist row can be in, and to which view a row belongs. */
import type { Row, Stage, View } from './records'

const TO_WRITE: readonly Stage[] = ['arriving', 'to_write', 'writing', 'returned']
const TO_REVIEW: readonly Stage[] = ['to_review', 'in_review']
const MINE: readonly Stage[] = ['writing', 'returned', 'to_review', 'in_review']
const OPEN: readonly Stage[] = [...TO_WRITE, ...TO_REVIEW]

/**
 * Whether a row belongs to a view. The server decides this for the list; the page decides it again for a row that arrives live,
 * so that the row appears without asking. A case that someone else is writing stays in 待写, marked 书写中.
 */
export function belongsTo(view: View, row: Row): boolean {
  switch (view) {
    case 'all': return true
    case 'to_write': return TO_WRITE.includes(row.stage)
    case 'to_review': return TO_REVIEW.includes(row.stage)
    case 'mine': return row.mine && MINE.includes(row.stage)
    case 'stat': return row.priority === 'stat' && OPEN.includes(row.stage)
    case 'unscheduled': return !row.scheduled && row.stage !== 'cancelled'
    case 'done': return row.stage === 'signed'
  }
}

export function isOpen(row: Row): boolean {
  return OPEN.includes(row.stage)
}
