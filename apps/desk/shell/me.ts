/** Who works here, as the records service knows them, and the preferences kept with the account. */
import { watch } from 'vue'

import { api } from './api'
import { lang } from './language'
import { claimSession } from './session'

export const RIS = '/services/ris/api/v1'
export const IMAGES = '/services/images'
export const MART = '/services/mart'
export const EVIDENCE = '/services/evidence'
export const MASKS = '/services/masks/api/v1'

export interface Me {
  username: string
  name: string
  assignments: { role: string; institution: string }[]
  /** Where the account works, by name. */
  homes: { code: string; name: string; name_en: string }[]
  operations: string[]
  institutions: string[]
  desks: string[]
  /** Clauses whose functions of the image viewer the account has; `*`: all. */
  image_functions: string[]
  landing: string
  preferences: Record<string, unknown>
}

let loaded: Promise<Me> | null = null
let preferences: Record<string, unknown> = {}
let saving: ReturnType<typeof setTimeout> | null = null

/** The account of this page; asked once. */
export function loadMe(): Promise<Me> {
  loaded ??= api.get<Me>(`${RIS}/me`).then((me) => {
    claimSession(me.username)
    preferences = { ...me.preferences, ...preferences }
    const kept = preferences['lang']
    if (kept === 'zh' || kept === 'en') lang.value = kept
    watch(lang, (now) => setPreference('lang', now))
    return me
  })
  return loaded
}

export function preference<T>(key: string, otherwise: T): T {
  return key in preferences ? (preferences[key] as T) : otherwise
}

/** Keeps a choice with the account (a moment later, several together). A choice that cannot be kept is not worth a message. */
export function setPreference(key: string, value: unknown): void {
  preferences = { ...preferences, [key]: value }
  if (saving !== null) clearTimeout(saving)
  saving = setTimeout(() => {
    saving = null
    api.put(`${RIS}/me/preferences`, preferences).catch((error: unknown) => console.warn('preferences were not kept', error))
  }, 600)
}
