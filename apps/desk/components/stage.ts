/** The stages of an exam as people see them: word, colour token, icon. Never colour alone. */
import { t } from '../shell/language'

export type Stage = 'booked' | 'arriving' | 'to_write' | 'writing' | 'to_review' | 'in_review' | 'returned' | 'signed' | 'cancelled'

/** Icons are paths in a 16 × 16 box. */
export const STAGES: Record<Stage, { token: string; icon: string }> = {
  booked: { token: 'off', icon: 'M3 4h10v9H3zM3 7h10M6 2v3M10 2v3' },
  arriving: { token: 'busy', icon: 'M8 2v8M4.5 6.5 8 10l3.5-3.5M3 13h10' },
  to_write: { token: 'new', icon: 'M8 3a5 5 0 1 0 0 10A5 5 0 1 0 8 3' },
  writing: { token: 'busy', icon: 'M3 13l1-3 7-7 2 2-7 7zM9.5 4.5l2 2' },
  to_review: { token: 'review', icon: 'M2 8s2.2-4 6-4 6 4 6 4-2.2 4-6 4-6-4-6-4zM8 6.5a1.5 1.5 0 1 0 0 3 1.5 1.5 0 1 0 0-3' },
  in_review: { token: 'review', icon: 'M7 3a4 4 0 1 0 0 8 4 4 0 1 0 0-8M10 10l3.5 3.5' },
  returned: { token: 'returned', icon: 'M6 4 3 7l3 3M3 7h6a4 4 0 0 1 4 4v1' },
  signed: { token: 'done', icon: 'M3 8.5 6.5 12 13 4.5' },
  cancelled: { token: 'off', icon: 'M4 4l8 8M12 4l-8 8' },
}

export const stageWord = t({
  booked: { zh: '已预约', en: 'Booked' },
  arriving: { zh: '图像到达中', en: 'Images arriving' },
  to_write: { zh: '待写', en: 'To write' },
  writing: { zh: '书写中', en: 'Writing' },
  to_review: { zh: '待审', en: 'To review' },
  in_review: { zh: '审核中', en: 'In review' },
  returned: { zh: '已退回', en: 'Returned' },
  signed: { zh: '已签发', en: 'Signed' },
  cancelled: { zh: '已取消', en: 'Cancelled' },
})

export const priorityWord = t({
  stat: { zh: '急诊', en: 'STAT' },
  urgent: { zh: '加急', en: 'Urgent' },
  routine: { zh: '常规', en: 'Routine' },
})
