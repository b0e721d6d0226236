/**
 * The second window of the reading desk: images only, of the case that is open there (docs/interfaces.md §7).
 *
 * Test ids: second-window[data-desk=waiting|here|left], second-case, second-contents, second-prior, second-viewer[data-shown], second-empty, second-gone.
 */
import { createApp } from 'vue'

import { defineDesk } from '../desk/shell'
import { Records } from '../reading/records'
import { namesFor } from '../reading/tools'
import SecondWindow from './SecondWindow.vue'

export default defineDesk({
  mount(el, context) {
    const tools = context.me.then(namesFor, () => namesFor(null))
    createApp(SecondWindow, { tools, records: new Records(context.api), lang: context.lang, viewerUrl: context.page.modules['viewer'], channel: location.hash.slice(1) }).mount(el)
  },
})
