/** The page that shows one series in itkwidgets; the reading desk has it in a frame. Which series is in the address after the `#`. */
import { createApp, h } from 'vue'

import { defineDesk } from '../desk/shell'
import NaiveLook from '../desk/naive/NaiveLook.vue'
import ItkPage from './ItkPage.vue'
import '../desk/components/tokens.css'

export default defineDesk({
  mount(el, context) {
    createApp({ render: () => h(NaiveLook, null, { default: () => h(ItkPage, { context }) }) }).mount(el)
  },
})
