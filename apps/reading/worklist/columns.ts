/** The columns of the worklist: width in CSS pixels (`grow` shares the rest) and alignment. */
import type { Column } from '../order'

export interface ColumnLook { name: Column; width: string; right?: boolean }

export const COLUMNS: readonly ColumnLook[] = [
  { name: 'priority', width: '46px' },
  { name: 'stage', width: '104px' },
  { name: 'name', width: 'minmax(84px, 1.1fr)' },
  { name: 'sex', width: '44px' },
  { name: 'age', width: '74px', right: true },
  { name: 'institution', width: 'minmax(96px, 1.4fr)' },
  { name: 'description', width: 'minmax(120px, 2fr)' },
  { name: 'body_part', width: 'minmax(90px, .8fr)' },
  { name: 'images', width: '64px', right: true },
  { name: 'waiting', width: '82px', right: true },
]

export const GRID = COLUMNS.map((column) => column.width).join(' ')
/** Height of one row in CSS pixels. */
export const ROW = 30
