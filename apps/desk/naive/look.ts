/** Naive UI's look, made of the same tokens as `components/tokens.css`. */
import { darkTheme, type GlobalTheme, type GlobalThemeOverrides } from 'naive-ui'
import { computed } from 'vue'

import { palette, theme } from '../shell/theme'

export const naiveTheme = computed<GlobalTheme | null>(() => (theme.value === 'dark' ? darkTheme : null))

export const themeOverrides = computed<GlobalThemeOverrides>(() => {
  const c = palette.value
  return {
    common: {
      fontFamily: '"Noto Sans SC", "Microsoft YaHei", "PingFang SC", "Noto Sans CJK SC", "Source Han Sans SC", system-ui, sans-serif',
      fontSize: '13px', fontSizeSmall: '13px', fontSizeMedium: '13px', borderRadius: '4px', heightSmall: '28px', heightMedium: '30px',
      primaryColor: c.accent, primaryColorHover: c.accentHover, primaryColorPressed: c.accentHover, primaryColorSuppl: c.accent,
      bodyColor: c.ground, cardColor: c.surface, modalColor: c.raised, popoverColor: c.raised, tableColor: c.surface, inputColor: c.surface,
      tableHeaderColor: c.ground, borderColor: c.line, dividerColor: c.line, textColorBase: c.text, textColor1: c.text, textColor2: c.text, textColor3: c.muted,
      placeholderColor: c.faint,
    },
    // The dark theme of Naive UI draws fields without an edge.
    Input: { border: `1px solid ${c.line}`, color: c.field },
    InternalSelection: { border: `1px solid ${c.line}`, color: c.field },
    DataTable: { thPaddingSmall: '4px 8px', tdPaddingSmall: '3px 8px' },
  }
})
