/** What an open desk and its second window say to each other: a channel of this browser, named by the desk. */
import { freshId } from '../desk/shell/freshId'
import type { MadeKeyImage, Place, Presentation } from '../viewer/api'
import type { Exam, Row } from '../reading/records'

/** The open case, and what of it stands on the desk's own screen. */
export interface CaseTold {
  type: 'case'
  row: Row | null
  exam: Exam | null
  /** Series in the desk's views. */
  shown: string[]
}

/** The image the reader looks at. */
export interface ImageTold {
  type: 'image'
  study: string
  series: string
  index: number
  place: Place | null
  presentation: Presentation | null
}

/** A key image made in the window, or why there is none, in words: the desk keeps it. */
export interface KeyTold {
  type: 'key'
  made: MadeKeyImage | string
}

/** `here`: the desk lives. `bye`: its page is being left. `hello`, `gone`: of the window. */
export type Told = CaseTold | ImageTold | KeyTold | { type: 'here' } | { type: 'bye' } | { type: 'hello' } | { type: 'gone' }

export const BEAT_MS = 2000
/** A desk that has been silent for so long is not there; a page in the background is slowed down to one beat a minute at worst. */
export const SILENT_MS = 70_000
/** After it said goodbye: time for it to be loaded anew. */
export const RETURN_MS = 8000

const KEY = 'reading-desk'

/** The name of this desk: kept while its tab lives, so that its second window finds it again after it was loaded anew. */
export function deskName(): string {
  let name = ''
  try {
    name = sessionStorage.getItem(KEY) ?? ''
    if (!/^[0-9a-f-]{36}$/.test(name)) {
      name = freshId()
      sessionStorage.setItem(KEY, name)
    }
  } catch {
    // Without storage the window is found until the page is left.
  }
  return name || freshId()
}

export const channelOf = (desk: string): BroadcastChannel => new BroadcastChannel(`reading-desk ${desk}`)
