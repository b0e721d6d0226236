/** The statistics desk. */
import { createApp } from 'vue'

import { defineDesk } from '../desk/shell'
import Statistics from './Statistics.vue'

export default defineDesk({
  mount(el, context) {
    createApp(Statistics, { context }).mount(el)
  },
})
