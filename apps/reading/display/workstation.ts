/** This workstation as its browser knows it: a name of its own, when its display was checked last, and when to remind again. */
import { shallowRef, type ShallowRef } from 'vue'

import { freshId, RIS, type Api } from '../../desk/shell'

export const ITEMS = ['patches', 'steps', 'gradients', 'lines', 'letters', 'geometry', 'uniformity'] as const
export type Item = (typeof ITEMS)[number]

/** What ris keeps of a check (docs/interfaces.md §4). */
export interface Check {
  workstation: string
  name: string
  width: number
  height: number
  ratio: number
  seen: Partial<Record<Item, boolean>>
}

export interface Workstation {
  id: string
  name: string
  /** Days between two checks. */
  days: number
  last: { at: string; passed: boolean } | null
  /** Day on which the reminder was put off. */
  later: string | null
  /** A check that ris has not got yet. */
  unsent: Check | null
}

const KEY = 'hub.workstation'
export const USUAL_DAYS = 30
export const INTERVALS = [7, 30, 90, 180] as const
const DAY_MS = 86_400_000

const fresh = (): Workstation => ({ id: freshId(), name: '', days: USUAL_DAYS, last: null, later: null, unsent: null })

/** What the browser keeps; what is no workstation is one that was never checked. */
export function readWorkstation(text: string | null): Workstation {
  try {
    const found = JSON.parse(text ?? 'null') as Partial<Workstation> | null
    if (!found || typeof found.id !== 'string' || !/^[0-9a-f-]{36}$/.test(found.id)) return fresh()
    const last = found.last && typeof found.last.at === 'string' && !Number.isNaN(Date.parse(found.last.at)) ? { at: found.last.at, passed: found.last.passed === true } : null
    return {
      id: found.id, name: typeof found.name === 'string' ? found.name : '', days: INTERVALS.find((days) => days === found.days) ?? USUAL_DAYS, last,
      later: typeof found.later === 'string' ? found.later : null, unsent: found.unsent ?? null,
    }
  } catch {
    return fresh()
  }
}

const dayOf = (moment: number): string => {
  const date = new Date(moment)
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`
}

/** Days since the last check; null: never checked. */
export const daysSince = ({ last }: Workstation, now: number): number | null => (last ? Math.max(0, Math.floor((now - Date.parse(last.at)) / DAY_MS)) : null)

/** Whether to remind: the check is due, or failed, and was not put off today. */
export function isDue(one: Workstation, now: number): boolean {
  if (one.later === dayOf(now)) return false
  const days = daysSince(one, now)
  return days === null || days >= one.days || one.last?.passed === false
}

export interface DisplayCheck {
  workstation: ShallowRef<Workstation>
  change(what: Partial<Pick<Workstation, 'name' | 'days'>>): void
  /** No more today. */
  later(): void
  /** Keeps the check here, and in ris; false when ris has not got it yet. */
  finish(check: Omit<Check, 'workstation' | 'name'>): Promise<boolean>
  /** Sends what ris has not got yet. */
  send(): Promise<boolean>
}

export function displayCheck(api: Api, storage: Pick<Storage, 'getItem' | 'setItem'> | null): DisplayCheck {
  const read = (): string | null => {
    try {
      return storage?.getItem(KEY) ?? null
    } catch {
      return null
    }
  }
  const workstation = shallowRef(readWorkstation(read()))

  function keep(next: Workstation): void {
    workstation.value = next
    try {
      storage?.setItem(KEY, JSON.stringify(next))
    } catch {
      // A private window keeps nothing: it is a new workstation next time.
    }
  }

  async function send(): Promise<boolean> {
    const { unsent } = workstation.value
    if (!unsent) return true
    try {
      await api.post(`${RIS}/display-checks`, unsent)
      keep({ ...workstation.value, unsent: null })
      return true
    } catch {
      return false
    }
  }

  return {
    workstation,
    change: (what) => keep({ ...workstation.value, ...what }),
    later: () => keep({ ...workstation.value, later: dayOf(Date.now()) }),
    finish(check) {
      const { id, name } = workstation.value
      const passed = Object.values(check.seen).every(Boolean)
      keep({ ...workstation.value, last: { at: new Date().toISOString(), passed }, later: null, unsent: { ...check, workstation: id, name } })
      return send()
    },
    send,
  }
}
