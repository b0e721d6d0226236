/** `defineDesk`: how a desk starts. The page mounts at once; the kernel joins when it is there. */
import { type Ref, watch } from 'vue'

import { api, type Api } from './api'
import { type Connection, connection, reportLink } from './connection'
import { lang, t } from './language'
import { live } from './live'
import { loadMe, type Me } from './me'
import { page, type PageFacts } from './page'
import type { Lang } from './problem'
import { keepSession, renewSession } from './session'
import type { KernelLink, WidgetModel } from './widgets'

export interface DeskContext {
  /** The desk object in the kernel; resolves some hundred milliseconds after the page is drawn, or never when it cannot start. */
  kernel: Promise<WidgetModel>
  api: Api
  live: typeof live
  lang: Ref<Lang>
  t: typeof t
  me: Promise<Me>
  connection: Connection
  page: PageFacts
}

export interface DeskDefinition {
  /** Draws the desk. `el` is empty and fills the window. */
  mount(el: HTMLElement, context: DeskContext): void | Promise<void>
}

/** What the boot script calls; desks only ever write `export default defineDesk({ mount })`. */
export interface Desk {
  start(el: HTMLElement, link: KernelLink): Promise<void>
}

/** The kernel is there: it follows the page's language, and one round trip proves that it answers. */
function join(model: WidgetModel): void {
  watch(
    lang,
    (now) => {
      model.set('lang', now)
      model.save_changes()
    },
    { immediate: true },
  )
  const answered = (content: unknown): void => {
    if ((content as { type?: string } | null)?.type !== 'pong') return
    model.off('msg:custom', answered)
    performance.mark('kernel-answered')
    document.documentElement.dataset['kernel'] = 'answered'
  }
  model.on('msg:custom', answered)
  void model.send({ type: 'ping' })
}

export function defineDesk(definition: DeskDefinition): Desk {
  return {
    async start(el, link) {
      link.onState((state, reason) => reportLink(state, reason))
      keepSession()
      const me = loadMe()
      // A desk that never looks at `me` must not end in an unhandled rejection; api and bar already say it.
      me.catch(() => undefined)
      link.renew = renewSession
      link.model.then(join, () => undefined)
      await definition.mount(el, { kernel: link.model, api, live, lang, t, me, connection, page: page() })
    },
  }
}
