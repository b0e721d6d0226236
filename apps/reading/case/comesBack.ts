/** What could not be had is asked for again by itself while its server is away; a refusal stays one. */
import { asProblem, type Problem } from '../../desk/shell'
import { unreachable } from '../records'

export interface ComesBack {
  /** It could not be had; why. */
  failed(error: unknown): Problem
  /** It is here, or no longer wanted. */
  quiet(): void
}

/** Milliseconds after which it is asked for again. */
const AGAIN = 10_000

export function comesBack(ask: () => void): ComesBack {
  let timer: ReturnType<typeof setTimeout> | null = null

  function quiet(): void {
    if (timer !== null) clearTimeout(timer)
    timer = null
  }

  return {
    quiet,
    failed(error) {
      const found = asProblem(error)
      if (unreachable(found)) {
        timer ??= setTimeout(() => {
          timer = null
          ask()
        }, AGAIN)
      }
      return found
    },
  }
}
