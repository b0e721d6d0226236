/** The first script of every desk: starts the kernel link while the page still streams in, and mounts the desk's bundle at once. */
import type { Desk } from './desk'
import { Kernel } from './widgets'

const BASE = '/services/pages/'
const link = new Kernel(BASE)

function read<T>(id: string): T | null {
  const text = document.getElementById(id)?.textContent
  return text ? (JSON.parse(text) as T) : null
}

/** The page writes `#kernel` when the kernel is there and `#view` when its cells ran, each followed by an empty `#…-mark`. */
function look(): void {
  if (document.getElementById('kernel-mark')) {
    const kernel = read<{ id?: string; error?: string }>('kernel')
    if (kernel?.id) link.open(kernel.id)
    else link.end('kernel.failed')
  }
  if (document.getElementById('view-mark')) {
    const view = read<{ model?: string }>('view')
    if (view?.model) link.show(view.model)
    else link.end('kernel.failed')
  }
}

const watcher = new MutationObserver(look)
function arrived(): void {
  watcher.disconnect()
  look()
  // A page cut off in the middle has no view: the desk object will never come.
  if (!document.getElementById('view-mark')) link.end('kernel.failed')
}
// A further window of a desk has no kernel: nothing is waited for, and nothing is missed.
if (read<{ kernel?: boolean }>('page')?.kernel !== false) {
  watcher.observe(document.documentElement, { childList: true, subtree: true })
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', arrived)
  else arrived()
  look()
}

// A hint only: the service waits some seconds and ends the kernel only if no websocket is there any more.
addEventListener('pagehide', () => {
  const id = read<{ id?: string }>('kernel')?.id
  if (id) navigator.sendBeacon(`${BASE}voila/api/shutdown/${id}`)
})
// A page out of the browser's back/forward cache has lost its kernel: load it anew.
addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload()
})

function when(id: string): Promise<HTMLElement> {
  return new Promise((resolve) => {
    const found = (): boolean => {
      const element = document.getElementById(id)
      if (element) resolve(element)
      return element !== null
    }
    if (found()) return
    const observer = new MutationObserver(() => found() && observer.disconnect())
    observer.observe(document.documentElement, { childList: true, subtree: true })
  })
}

const address = document.querySelector<HTMLLinkElement>('link[data-desk]')?.href
if (address) {
  void Promise.all([import(/* @vite-ignore */ address) as Promise<{ default: Desk }>, when('app')])
    .then(([bundle, el]) => bundle.default.start(el, link))
    .catch((error: unknown) => {
      console.error('desk: could not start', error)
      const splash = document.getElementById('splash')
      if (splash) splash.textContent = '页面没能启动，请刷新重试。 The page could not start; please reload.'
    })
}
