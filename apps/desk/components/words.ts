/** Words of the parts all desks share. */
import { keeping } from '../shell/keeping'
import { t, type Say } from '../shell/language'

const WORDS = {
  product: { zh: '远程影像中心', en: 'Radiology Hub' },
  desks: { zh: '切换工作台', en: 'Switch desk' },
  search: { zh: '搜索患者、检查（Ctrl+K）', en: 'Search patients, exams (Ctrl+K)' },
  online: { zh: '已连接', en: 'Connected' },
  opening: { zh: '正在打开', en: 'Opening' },
  reconnecting: { zh: '正在重连', en: 'Reconnecting' },
  dead: { zh: '已停止', en: 'Stopped' },
  lang: { zh: 'English', en: '中文' },
  lang_label: { zh: '切换为英文', en: 'Switch to Chinese' },
  user: { zh: '用户菜单', en: 'User menu' },
  theme_dark: { zh: '深色主题', en: 'Dark theme' },
  theme_light: { zh: '浅色主题', en: 'Light theme' },
  shortcuts: { zh: '快捷键', en: 'Shortcuts' },
  sign_out: { zh: '退出登录', en: 'Sign out' },
  close: { zh: '关闭', en: 'Close' },
  key_search: { zh: '搜索', en: 'Search' },
  key_help: { zh: '显示快捷键', en: 'Show shortcuts' },
  all_institutions: { zh: '全部机构', en: 'All institutions' },
  cut: { zh: '连接中断，正在重连（{n} 秒）– 已写内容已保存在本机', en: 'Connection lost, reconnecting ({n} s) – what you wrote is kept on this computer' },
  cut_unkept: { zh: '连接中断，正在重连（{n} 秒）– 本机不能保存，请勿关闭此页', en: 'Connection lost, reconnecting ({n} s) – this computer cannot keep what you wrote: leave this page open' },
  gone: { zh: '后台程序已停止。已写内容不会丢失，请重新打开。', en: 'The background program has stopped. Nothing you wrote is lost; please reopen.' },
  failed: { zh: '工作台的后台程序没能启动，请重新打开；若仍出现，请联系管理员。', en: 'The background program of this desk could not start. Reopen it; if this happens again, tell the administrator.' },
  refused: { zh: '此页面属于另一次登录，请重新打开。', en: 'This page belongs to another sign-in; please reopen.' },
  reopen: { zh: '重新打开', en: 'Reopen' },
  signed_out: { zh: '登录已过期。请在新窗口登录，然后回到这里继续；已写内容不会丢失。', en: 'Your session has ended. Sign in in a new window, then come back here and go on; nothing you wrote is lost.' },
  sign_in: { zh: '重新登录', en: 'Sign in again' },
  signed_in: { zh: '我已登录', en: 'I have signed in' },
  other_user: { zh: '此浏览器已由其他人登录。为保护患者资料，请重新打开本页。', en: 'Someone else has signed in in this browser. Reopen the page to protect patient data.' },
  retry: { zh: '重试', en: 'Retry' },
  loading: { zh: '正在加载', en: 'Loading' },
}

const plain = t(WORDS)
export const say: Say<typeof WORDS> = (key, values) => plain(key === 'cut' && !keeping.value ? 'cut_unkept' : key, values)
