/** The stages a worklist row can be in: their order, icon and colour. The word is always shown with them (never colour alone). */
import type { Row, Stage, View } from './records'

export interface StageLook { icon: string; colour: string }

/** Colours keep 4.5:1 on the desk's background and differ in brightness too, so that colour-blind readers see them apart. */
export const STAGE_LOOK: Record<Stage, StageLook> = {
  booked: { icon: '○', colour: '#8a93a0' },
  arriving: { icon: '⇣', colour: '#7fb2e5' },
  to_write: { icon: '●', colour: '#5aa9ff' },
  writing: { icon: '✎', colour: '#b9a3ff' },
  to_review: { icon: '◆', colour: '#f0c14b' },
  in_review: { icon: '◈', colour: '#f0c14b' },
  returned: { icon: '↩', colour: '#ff9f5a' },
  signed: { icon: '✓', colour: '#62c08a' },
  cancelled: { icon: '✕', colour: '#8a93a0' },
}

const TO_WRITE: readonly Stage[] = ['arriving', 'to_write', 'writing', 'returned']
const TO_REVIEW: readonly Stage[] = ['to_review', 'in_review']
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
    case 'mine': return row.mine
    case 'stat': return row.priority === 'stat' && OPEN.includes(row.stage)
    case 'unscheduled': return !row.scheduled
    case 'done': return row.stage === 'signed'
  }
}

export function isOpen(row: Row): boolean {
  return OPEN.includes(row.stage)
}
