/** Entries of the knowledge base: their shape, the four requests, and the pure parts of editing. */
import { asProblem, Problem, RIS, type Api } from '../desk/shell'

export interface Entry {
  id: number
  version: number
  title: string
  body: string
  body_part: string | null
  modality: string | null
  tags: string[]
  updated_at: string
  author: { username: string; name: string } | null
}
/** What a person types; tags as one line. */
export interface Draft {
  title: string
  body: string
  body_part: string
  modality: string
  tags: string
}

export const BLANK: Readonly<Draft> = { title: '', body: '', body_part: '', modality: '', tags: '' }

export function draftOf(entry: Entry): Draft {
  return { title: entry.title, body: entry.body, body_part: entry.body_part ?? '', modality: entry.modality ?? '', tags: entry.tags.join('，') }
}

export function tagsOf(line: string): string[] {
  return [...new Set(line.split(/[\s,，、;；]+/).filter((tag) => tag !== ''))]
}

export function contentOf(draft: Draft): { title: string; body: string; body_part: string | null; modality: string | null; tags: string[] } {
  return {
    title: draft.title.trim(),
    body: draft.body.trim(),
    body_part: draft.body_part.trim() || null,
    modality: draft.modality.trim().toUpperCase() || null,
    tags: tagsOf(draft.tags),
  }
}

/** Whether saving would change anything. */
export function differs(a: Draft, b: Draft): boolean {
  return JSON.stringify(contentOf(a)) !== JSON.stringify(contentOf(b))
}

/** Fields that keep a draft from being saved. */
export function missing(draft: Draft): ('title' | 'body')[] {
  return (['title', 'body'] as const).filter((field) => draft[field].trim() === '')
}

/** First words of a text for the list. */
export function excerpt(body: string, length = 60): string {
  const line = body.replace(/\s+/g, ' ').trim()
  return line.length <= length ? line : `${line.slice(0, length)}…`
}

export function authorOf(entry: Entry): string {
  return entry.author?.name ?? ''
}

/** A 2026-11-23 09:05 in the reader's own time. */
export function clock(iso: string): string {
  const at = new Date(iso)
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`
}

export async function find(api: Api, query: { q?: string; modality?: string; body_part?: string }, signal?: AbortSignal): Promise<Entry[]> {
  const { rows } = await api.get<{ rows: Entry[] }>(`${RIS}/knowledge`, { query: { ...query, limit: 500 }, signal })
  return rows
}

export function open(api: Api, id: number, signal?: AbortSignal): Promise<Entry> {
  return api.get<Entry>(`${RIS}/knowledge/${id}`, { signal })
}

/** Somebody saved in between: what is saved now, to be shown beside one's own. */
export class Conflict extends Error {
  constructor(readonly current: Entry) {
    super('the entry was changed meanwhile')
  }
}

/** Saves a new entry (`known` null) or a change to a known version; throws `Conflict` with the saved entry, else `Problem`. */
export async function save(api: Api, draft: Draft, known: Entry | null, key: string): Promise<Entry> {
  try {
    if (known === null) return await api.post<Entry>(`${RIS}/knowledge`, contentOf(draft), { idempotencyKey: key })
    return await api.put<Entry>(`${RIS}/knowledge/${known.id}`, { version: known.version, ...contentOf(draft) })
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 409 || known === null) throw asProblem(error)
    const current = await open(api, known.id)
    // Our own save whose answer was lost is no conflict: the saved text is what we wanted.
    if (!differs(draftOf(current), draft)) return current
    throw new Conflict(current)
  }
}

export function remove(api: Api, entry: Entry): Promise<void> {
  return api.delete(`${RIS}/knowledge/${entry.id}`)
}
