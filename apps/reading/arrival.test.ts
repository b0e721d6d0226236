import { describe, expect, it, vi } from 'vitest'

import { Arrival, SPAN } from './arrival'

function click(at: number) {
  return { timeStamp: at, preventDefault: vi.fn(), stopImmediatePropagation: vi.fn() } as unknown as Event & { stopImmediatePropagation: ReturnType<typeof vi.fn> }
}

describe('the second click of a double click', () => {
  it('does not reach the case, however late the page hears of it', () => {
    const arrival = new Arrival()
    arrival.opened(1000)
    for (const at of [1000.1, 1120, 1000 + SPAN - 1]) {
      const second = click(at)
      arrival.guard(second) // whenever it is delivered: only its own time counts
      expect(second.stopImmediatePropagation).toHaveBeenCalledOnce()
      expect(second.preventDefault).toHaveBeenCalledOnce()
    }
  })

  it('is one of the case when the hand made it later, or when nothing was opened', () => {
    const arrival = new Arrival()
    const first = click(5)
    arrival.guard(first)
    arrival.opened(1000)
    const later = click(1000 + SPAN)
    arrival.guard(later)
    expect(first.stopImmediatePropagation).not.toHaveBeenCalled()
    expect(later.stopImmediatePropagation).not.toHaveBeenCalled()
  })

  it('keeps nobody from the list once the case is left', () => {
    const arrival = new Arrival()
    arrival.opened(1000)
    arrival.left()
    const next = click(1100)
    arrival.guard(next)
    expect(next.stopImmediatePropagation).not.toHaveBeenCalled()
  })
})
