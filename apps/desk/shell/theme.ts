/** Dark or light. The colours are those of `components/tokens.css`. */
import { computed, ref, watch } from 'vue'

export type Theme = 'dark' | 'light'

export const theme = ref<Theme>(document.documentElement.dataset['theme'] === 'dark' ? 'dark' : 'light')
watch(theme, (now) => (document.documentElement.dataset['theme'] = now), { immediate: true })

/** The tokens that charts and canvases need as plain values (CSS variables do not reach them). */
export const PALETTE = {
  light: {
    ground: '#f4f5f6', surface: '#ffffff', raised: '#ffffff', line: '#dcdfe3', text: '#1c2126', muted: '#5b646d', faint: '#6c757e', field: '#ffffff', accent: '#1f6f8b', accentHover: '#195c73',
    series: ['#1f6f8b', '#c2703d', '#5b4bb5', '#2b6b3f', '#a33f6b', '#7a6a1d', '#4d5b66'],
  },
  dark: {
    ground: '#101214', surface: '#16191c', raised: '#1e2226', line: '#2c3238', text: '#dde2e7', muted: '#9aa4ad', faint: '#828c96', field: '#101214', accent: '#4aa3bf', accentHover: '#63b5cf',
    series: ['#4aa3bf', '#e09a6a', '#a99cf2', '#74c28d', '#e08cb0', '#d0bd5f', '#9aa4ad'],
  },
} as const

export const palette = computed(() => PALETTE[theme.value])
