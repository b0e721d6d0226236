import { afterEach, describe, expect, it } from 'vitest'
import { createApp, defineComponent, h, nextTick, ref, type App } from 'vue'

import EntryField from './EntryField.vue'

let app: App | null = null
afterEach(() => app?.unmount())

/** A field of a value that a page may change and that takes what is entered, as far as `accept` does. */
function shown(first: number, accept: (text: string) => number | null) {
  const value = ref(first)
  const news = ref(0)
  const entered: string[] = []
  const take = (text: string): void => {
    entered.push(text)
    value.value = accept(text) ?? value.value
  }
  app = createApp(defineComponent(() => () => h(EntryField, { value: value.value, title: String(news.value), type: 'number', onEntered: take })))
  const field = app.mount(document.createElement('div')).$el as HTMLInputElement
  return {
    field, value, news, entered,
    type(text: string): void {
      field.value = text
      field.dispatchEvent(new Event('input'))
    },
    async enter(): Promise<void> {
      field.dispatchEvent(new Event('change'))
      await nextTick()
      await nextTick()
    },
  }
}

describe('what is typed into a field', () => {
  it('stays while news come, and counts when entered', async () => {
    const { field, value, news, entered, type, enter } = shown(10, Number)
    type('20')
    news.value += 1
    await nextTick()
    expect([field.title, field.value]).toEqual(['1', '20'])
    value.value = 12
    await nextTick()
    expect([field.value, entered]).toEqual(['20', []])
    await enter()
    expect([field.value, value.value, entered]).toEqual(['20', 20, ['20']])
  })
  it('goes, where it is refused or left as it was', async () => {
    const { field, value, type, enter } = shown(10, () => null)
    type('2000')
    await enter()
    expect(field.value).toBe('10')
    type('10')
    field.dispatchEvent(new Event('blur'))
    value.value = 15
    await nextTick()
    expect(field.value).toBe('15')
  })
})
