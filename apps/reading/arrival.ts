/**
 * The second click of a double click belongs to the list that was clicked, and not to the case that has opened under the pointer.
 *
 * It is told by when the hand made it: a page that is busy with opening hears of it late.
 */
export const SPAN = 300

export class Arrival {
  private until = -Infinity

  /** A case opens now (milliseconds, as events count them). */
  opened(now = performance.now()): void {
    this.until = now + SPAN
  }

  /** The case is left: the list may be clicked at once. */
  left(): void {
    this.until = -Infinity
  }

  /** For the capture phase of what holds list and case. */
  readonly guard = (event: Event): void => {
    if (event.timeStamp >= this.until) return
    event.preventDefault()
    event.stopImmediatePropagation()
  }
}
