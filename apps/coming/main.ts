/** The page of a role whose desk is not built yet: says what is coming and what the person can do now. */
import { createApp } from 'vue'

import { defineDesk } from '../desk/shell'
import Coming from './Coming.vue'

export default defineDesk({
  mount(el, context) {
    createApp(Coming, { context }).mount(el)
  },
})
