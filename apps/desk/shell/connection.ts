/** What the page knows of its link to the kernel, for the bar at the top and for blocking what must not be sent blindly. */
import { computed, reactive, readonly } from 'vue'

import { session } from './session'
import type { LinkState } from './widgets'

export interface Connection {
  /** opening: the kernel is not there yet. dead: it ended and the desk must be reopened. */
  readonly state: LinkState
  /** Seconds since the link was lost, 0 while it stands. */
  readonly seconds: number
  /** Why it is dead, in a code: `kernel.gone`, `kernel.failed`, `session.ended`, `desk.refused`. */
  readonly reason: string
}

const inner = reactive({ state: 'opening' as LinkState, seconds: 0, reason: '' })
let ticking: ReturnType<typeof setInterval> | null = null
let since = 0

export const connection: Connection = readonly(inner)

/** False while signing or sending must wait; show the reason with `connection.state`. */
export const mayAct = computed(() => (inner.state === 'online' || inner.state === 'opening') && session.value === 'ok')

export function reportLink(state: LinkState, reason = ''): void {
  if (state === 'reconnecting' && inner.state !== 'reconnecting') {
    since = performance.now()
    ticking ??= setInterval(() => (inner.seconds = Math.floor((performance.now() - since) / 1000)), 500)
  }
  if (state !== 'reconnecting' && ticking !== null) {
    clearInterval(ticking)
    ticking = null
  }
  if (state === 'online') inner.seconds = 0
  inner.state = state
  inner.reason = reason
}

type Hook = () => unknown
const hooks = new Set<Hook>()

/** Runs before the page is reopened: write unsaved text where it survives. Returns the way to withdraw it. */
export function beforeReopen(hook: Hook): () => void {
  hooks.add(hook)
  return () => hooks.delete(hook)
}

/** Lets every desk part keep its text (2 s at most), then loads the desk anew with a new kernel. */
export async function reopen(): Promise<void> {
  const kept = Promise.allSettled([...hooks].map(async (hook) => hook()))
  await Promise.race([kept, new Promise((resolve) => setTimeout(resolve, 2000))])
  location.reload()
}
