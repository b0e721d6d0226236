/** A refused or failed request, in words for people (RFC 9457 and `docs/interfaces.md` §3). */

import { keeping } from './keeping'

export type Lang = 'zh' | 'en'

export interface Words {
  title: string
  action: string
}

export class Problem extends Error {
  readonly status: number
  /** Stable code such as `report.version`; what a desk may branch on. */
  readonly code: string
  readonly words: Record<Lang, Words>
  /** Everything else the service said, for example `current` beside `report.version`. */
  readonly extra: Readonly<Record<string, unknown>>

  constructor(status: number, code: string, words: Record<Lang, Words>, extra: Record<string, unknown> = {}) {
    super(`${code}: ${words.en.title}`)
    this.name = 'Problem'
    this.status = status
    this.code = code
    this.words = words
    this.extra = extra
  }
}

const KNOWN: Record<string, Record<Lang, Words>> = {
  'network.down': {
    zh: { title: '连接不上服务', action: '请检查网络；已写内容保存在本机，恢复后请重试。' },
    en: { title: 'The service cannot be reached', action: 'Check the network. What you wrote is kept on this computer; try again when the connection is back.' },
  },
  'network.down.unkept': {
    zh: { title: '连接不上服务', action: '请检查网络；本机不能保存已写内容，恢复前请勿关闭此页。' },
    en: { title: 'The service cannot be reached', action: 'Check the network. This computer cannot keep what you wrote: leave this page open until the connection is back.' },
  },
  'network.timeout': {
    zh: { title: '服务没有及时回答', action: '请稍后重试。' },
    en: { title: 'The service did not answer in time', action: 'Try again in a moment.' },
  },
  'session.ended': {
    zh: { title: '登录已过期', action: '请重新登录；已写内容不会丢失。' },
    en: { title: 'Your session has ended', action: 'Sign in again. Nothing you wrote is lost.' },
  },
  'request.refused': {
    zh: { title: '没有权限', action: '如需此权限，请联系管理员。' },
    en: { title: 'You may not do this', action: 'Ask the administrator if you need this right.' },
  },
  'request.missing': {
    zh: { title: '没有找到', action: '内容可能已被移动，请刷新后再试。' },
    en: { title: 'Not found', action: 'It may have been moved; refresh and try again.' },
  },
  'service.away': {
    zh: { title: '服务暂时不可用', action: '请稍后重试。' },
    en: { title: 'The service is not available at the moment', action: 'Try again in a moment.' },
  },
  'service.failed': {
    zh: { title: '服务出错', action: '请重试；若仍出现，请把时间告诉管理员。' },
    en: { title: 'The service failed', action: 'Try again. If it happens again, tell the administrator the time.' },
  },
}

/** A problem of ours by code, for what the browser notices before any service could speak. */
export function knownProblem(code: keyof typeof KNOWN & string, status = 0, extra: Record<string, unknown> = {}): Problem {
  const unkept = keeping.value ? undefined : KNOWN[`${code}.unkept`]
  return new Problem(status, code, unkept ?? (KNOWN[code] as Record<Lang, Words>), extra)
}

function isWords(value: unknown): value is Words {
  return typeof value === 'object' && value !== null && typeof (value as Words).title === 'string'
}

/** The problem a response tells; responses without a problem body get words by their status. */
export async function problemFrom(response: Response): Promise<Problem> {
  let body: Record<string, unknown> = {}
  try {
    if ((response.headers.get('content-type') ?? '').includes('json')) body = (await response.json()) as Record<string, unknown>
  } catch {
    // A broken body still has a status, and that is enough for words.
  }
  const { words, code, type: _type, title, status: _status, detail, ...extra } = body
  const fallback =
    response.status === 401 ? 'session.ended' : response.status === 403 ? 'request.refused' : response.status === 404 ? 'request.missing' : [502, 503, 504].includes(response.status) ? 'service.away' : 'service.failed'
  const known = KNOWN[fallback] as Record<Lang, Words>
  const said = (typeof words === 'object' && words !== null ? words : {}) as Partial<Record<Lang, unknown>>
  const pick = (lang: Lang): Words => {
    const own = said[lang]
    if (isWords(own)) return { title: own.title, action: typeof own.action === 'string' ? own.action : '' }
    return typeof title === 'string' ? { title, action: typeof detail === 'string' ? detail : '' } : known[lang]
  }
  return new Problem(response.status, typeof code === 'string' ? code : fallback, { zh: pick('zh'), en: pick('en') }, { ...extra, detail })
}

/** Any thrown thing as a Problem, so that a notice can always show words. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof TypeError) return knownProblem('network.down')
  return knownProblem('service.failed', 0, { detail: error instanceof Error ? error.message : String(error) })
}
