/** The desk's side of its second window: opening it, and telling it which case is open and which image is being read. */
import { onBeforeUnmount, onMounted, ref, watch, type Ref } from 'vue'

import type { ImageTold, Told } from '../second/link'
import { BEAT_MS, channelOf, deskName } from '../second/link'
import type { MadeKeyImage, Viewer } from '../viewer/api'
import type { Exam, Row } from './records'

export interface SecondWindow {
  /** Whether it is open, as far as this desk has heard. */
  open: Ref<boolean>
  /** False when the browser did not let it open. */
  show(): Promise<boolean>
  /** The viewer is there: what it shows is told from now on. */
  follow(viewer: Viewer): void
}

interface Monitor { availLeft: number; availTop: number; availWidth: number; availHeight: number }
type WithMonitors = Window & { getScreenDetails?(): Promise<{ screens: Monitor[]; currentScreen: Monitor }> }

/** Where the window goes: the other monitor, where the browser knows it (Window Management API), else beside, to be dragged over. */
async function features(): Promise<string> {
  try {
    const { screens, currentScreen } = (await (window as WithMonitors).getScreenDetails?.()) ?? { screens: [], currentScreen: null }
    const other = screens.find((one) => one !== currentScreen)
    if (other) return `popup,left=${other.availLeft},top=${other.availTop},width=${other.availWidth},height=${other.availHeight}`
  } catch {
    // Refused, or not to be had: the reader moves the window.
  }
  return `popup,width=${Math.round(screen.availWidth * 0.8)},height=${Math.round(screen.availHeight * 0.8)}`
}

export function useSecondWindow(parts: { row(): Row | null; exam(): Exam | null; keyImage(made: MadeKeyImage | string): void }): SecondWindow {
  const name = deskName()
  const open = ref(false)
  let channel: BroadcastChannel | null = null
  let beat: ReturnType<typeof setInterval> | null = null
  let viewer: Viewer | null = null
  /** The image told last, as text. */
  let last = ''
  let onScreen = ''

  const tell = (what: Told): void => channel?.postMessage(what)
  /** Rows are reactive: a channel takes plain objects only. */
  const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

  function series(): string[] {
    return (viewer?.screen().cells ?? []).flatMap((cell) => (cell ? [cell.series] : []))
  }

  function tellCase(): void {
    const shown = series()
    onScreen = shown.join(' ')
    tell({ type: 'case', row: plain(parts.row()), exam: plain(parts.exam()), shown })
  }

  function tellImage(again = false): void {
    const state = viewer?.state()
    if (!viewer || !state?.study || !state.series || state.index < 0) return
    const { study, series: uid, index } = state
    const image: ImageTold = { type: 'image', study, series: uid, index, place: viewer.place(), presentation: viewer.presentation() }
    const now = JSON.stringify(image)
    if (!again && now === last) return
    last = now
    tell(image)
  }

  function hear({ data }: MessageEvent<Told>): void {
    if (data.type === 'gone') open.value = false
    if (data.type === 'key') parts.keyImage(data.made)
    if (data.type !== 'hello') return
    open.value = true
    tellCase()
    tellImage(true)
  }

  function bye(): void {
    tell({ type: 'bye' })
  }

  onMounted(() => {
    channel = channelOf(name)
    channel.addEventListener('message', hear)
    addEventListener('pagehide', bye)
    tell({ type: 'here' })
    beat = setInterval(() => tell({ type: 'here' }), BEAT_MS)
  })
  onBeforeUnmount(() => {
    removeEventListener('pagehide', bye)
    if (beat !== null) clearInterval(beat)
    bye()
    channel?.close()
  })
  watch([parts.row, parts.exam], () => {
    last = ''
    if (open.value) tellCase()
  })

  return {
    open,
    async show() {
      const opened = window.open(`/services/pages/window/reading#${name}`, `reading ${name}`, await features())
      opened?.focus()
      return opened !== null
    },
    follow(made) {
      viewer = made
      made.on('state', () => {
        if (!open.value) return
        if (series().join(' ') !== onScreen) tellCase()
        tellImage()
      })
    },
  }
}
