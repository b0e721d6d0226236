/** Names of the desks for the switcher. */
import { t } from '../shell/language'

const say = t({
  reading: { zh: '医生阅片台', en: 'Reading' },
  statistics: { zh: '统计台', en: 'Statistics' },
  knowledge: { zh: '知识库', en: 'Knowledge base' },
  registration: { zh: '登记台', en: 'Registration' },
  technician: { zh: '技师台', en: 'Technician' },
  clinical: { zh: '临床浏览', en: 'Clinical view' },
  operations: { zh: '运维台', en: 'Operations' },
  patient: { zh: '患者服务', en: 'Patient' },
  research: { zh: '科研', en: 'Research' },
})

export function deskTitle(name: string): string {
  return say(name as Parameters<typeof say>[0])
}
