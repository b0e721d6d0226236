/** The knowledge desk. */
import { createApp } from 'vue'

import { defineDesk } from '../desk/shell'
import Knowledge from './Knowledge.vue'

export default defineDesk({
  mount(el, context) {
    createApp(Knowledge, { context }).mount(el)
  },
})
