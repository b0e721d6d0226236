/**
 * What the desk needs of the image viewer (the lazily loaded module of `apps/viewer`), and nothing more.
 * `viewer` is loaded once, after the worklist is painted; its element stays in the page, so that its first picture is not paid for at each case.
 */

export interface ViewerTool { name: string; label: string }

export interface ViewerEvents {
  /** A picture of this series is on the screen. */
  shown: { studyUid: string; seriesUid: string }
  failed: { studyUid: string; seriesUid: string; words?: string }
}

export interface MountedViewer {
  show(studyUid: string, seriesUid: string): void
  prefetch(studyUid: string, seriesUid: string): void
  clear(): void
  resize(): void
  setLanguage(lang: 'zh' | 'en'): void
  on<E extends keyof ViewerEvents>(event: E, handler: (value: ViewerEvents[E]) => void): () => void
  dispose(): void
}

export interface ViewerPort {
  mount(el: HTMLElement, options: { lang: 'zh' | 'en' }): Promise<MountedViewer>
}
