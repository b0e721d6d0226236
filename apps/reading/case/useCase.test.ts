import { beforeEach, describe, expect, it, vi } from 'vitest'

import { Problem } from '../../desk/shell'
import type { Exam, Row, Summary } from '../records'
import { CaseCache } from './caseCache'
import { useCase, type OpenCase } from './useCase'

const ROW = { exam_id: 7, version: 1, images: 3, study_uids: ['1.2'] } as unknown as Row
const PRIOR = { exam_id: 5, study_uids: ['1.9'] } as unknown as Row
const away = (status: number): Problem => new Problem(status, 'x', { zh: { title: '服务没有响应', action: '' }, en: { title: 'No answer', action: '' } })

/** Records whose servers can be away. */
class Servers {
  status = 0
  up = false
  asked = 0
  private readonly answer = <T>(value: T): Promise<T> => {
    this.asked += 1
    return this.up ? Promise.resolve(value) : Promise.reject(away(this.status))
  }

  readonly exam = () => this.answer({ priors: [PRIOR] } as unknown as Exam)
  readonly summary = (uid: string) => this.answer({ series: [{ series_uid: `${uid}.1`, renderable: true, frames: 3, number: 1 }] } as unknown as Summary)
  readonly seriesAhead = () => this.answer([])
}

function opened(servers: Servers): OpenCase {
  const open = useCase({ cache: new CaseCache(servers), begin: (_row, studyUid, series) => ({ studyUid, seriesUid: String(series[0]?.series_uid) }), show: () => undefined, clear: () => undefined })
  open.open(ROW)
  return open
}

const rest = (milliseconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(milliseconds)

beforeEach(() => void vi.useFakeTimers())

describe('what of a case cannot be had', () => {
  it('is said of details, series and priors, and comes by itself when the servers are back', async () => {
    const servers = new Servers()
    const open = opened(servers)
    open.unfold(PRIOR)
    await rest(1)
    expect(open.problem.value?.words.zh.title).toBe('服务没有响应')
    expect([open.trouble('1.2')?.status, open.trouble('1.9')?.status, open.exam.value]).toEqual([0, 0, null])
    servers.up = true
    await rest(10_000)
    expect([open.problem.value, open.trouble('1.2'), open.trouble('1.9')]).toEqual([null, null, null])
    expect(open.exam.value?.priors).toHaveLength(1)
    expect(open.shown.value).toEqual({ studyUid: '1.2', seriesUid: '1.2.1' })
    const asked = servers.asked
    await rest(60_000)
    expect(servers.asked).toBe(asked)
  })

  it('is not asked for over and over where it is refused, nor for a case that was left', async () => {
    const servers = new Servers()
    servers.status = 403
    const refused = opened(servers)
    await rest(60_000)
    expect(servers.asked).toBe(2)
    servers.up = true
    refused.retry()
    await rest(1)
    expect(refused.problem.value).toBeNull()
    const gone = new Servers()
    const left = opened(gone)
    await rest(1)
    left.close()
    await rest(60_000)
    expect(gone.asked).toBe(2)
  })
})
