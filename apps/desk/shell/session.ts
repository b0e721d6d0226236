/** The signed-in session as the browser sees it: renewing the ticket cookie, and knowing when it cannot be renewed. */
import { ref } from 'vue'

const RIS = '/services/ris/api/v1'
/** Where the Hub sends the browser back to after it made a new ticket: a page that costs nothing. */
const BACK = '/services/pages/healthz'
/** A browser ticket lives 15 minutes; renewing every 5 survives two failures. */
const RENEW_EVERY_MS = 5 * 60_000

/** `ended`: only signing in again helps. `other`: somebody else signed in in this browser meanwhile. */
export const session = ref<'ok' | 'ended' | 'other'>('ok')

let running: Promise<boolean> | null = null
let owner: string | null = null

/** Remembers whose page this is, so that another person's later login is noticed. */
export function claimSession(username: string): void {
  owner = username
}

async function attempt(): Promise<boolean> {
  try {
    const renewed = await fetch(`${RIS}/tickets/renew`, { method: 'POST' })
    if (renewed.ok) return true
    if (renewed.status !== 401) return false
  } catch {
    return false
  }
  // The ticket is dead; the Hub's own login may still be good and makes a new one.
  try {
    const answer = await fetch(`/hub/ticket?next=${encodeURIComponent(BACK)}`)
    if (answer.ok && new URL(answer.url, location.href).pathname === BACK) return true
    if (answer.status >= 500) return false
  } catch {
    return false
  }
  session.value = 'ended'
  return false
}

async function checkOwner(): Promise<boolean> {
  if (owner === null || session.value === 'ok') return true
  const answer = await fetch(`${RIS}/me`)
  if (!answer.ok) return false
  const me = (await answer.json()) as { username: string }
  if (me.username !== owner) {
    session.value = 'other'
    return false
  }
  return true
}

/** Renews the ticket cookie; true when requests may be repeated. Callers at the same time share one attempt. */
export function renewSession(): Promise<boolean> {
  running ??= (async () => {
    try {
      if (!(await attempt())) return false
      if (!(await checkOwner())) return false
      session.value = 'ok'
      return true
    } finally {
      running = null
    }
  })()
  return running
}

/** Opens the login page beside this one; this page, with everything typed on it, stays. */
export function signInAgain(): void {
  window.open(`/hub/login?next=${encodeURIComponent(BACK)}`, '_blank')
}

/** Keeps the ticket alive while the page is open and looks again when the person comes back to it. */
export function keepSession(): () => void {
  const timer = window.setInterval(() => void renewSession(), RENEW_EVERY_MS)
  const look = (): void => {
    if (session.value !== 'ok' && document.visibilityState === 'visible') void renewSession()
  }
  window.addEventListener('focus', look)
  document.addEventListener('visibilitychange', look)
  return () => {
    window.clearInterval(timer)
    window.removeEventListener('focus', look)
    document.removeEventListener('visibilitychange', look)
  }
}
