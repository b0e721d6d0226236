/**
 * The doctor's desk: worklist and reading in one page (docs/interfaces.md §7).
 *
 * Test ids. List: reading-desk[data-state=worklist|reading], search, view-<name>, count-<name>, worklist[data-status], worklist-row[data-exam,
 * data-stage, data-priority, data-accession, data-studies], sort-<column>, filter-modality|institution|dates|from|to, chip-modality, clear-filters, worklist-sum,
 * worklist-loading|empty|error|retry, sound, preview, clinical, unscheduled-reason, technician-message.
 * Case: back-to-list, previous-case, next-case, case-name, series-strip, series[data-series], prior-<exam>, prior-report, viewer[data-shown, data-phase,
 * data-window, data-gamma], markings[data-status], marking[data-marking, data-kind, data-saved], marking-remove, markings-saved[data-save], markings-empty|failed|toggle, viewer-failed, tool-<name>, tool-key-image, tool-gamma, gamma-slider|value|none, preset-edit, preset-editor, preset-row, preset-<field>, tool-undo|rotate-left|rotate-right|flip-horizontal|flip-vertical|invert|reset|layout, preset-<id>, image-position, edge-strip|report, collapse-strip|report.
 * Screens: tool-hanging, hanging-panel|why|none|choice[data-hanging]|again|save|edit, hanging-editor, hanging-row, hanging-<field>, second-open, display-reminder|now|later|check|canvas[data-page]|pattern|dark|bright|
 * item-<item>|name|days|finish|close, check-display.
 * Key images: key-images[data-status], key-image[data-key-image, data-number, data-saved, data-made], key-image-<act>, key-images-saved[data-save], key-images-empty|failed|fixed|toggle, diff-key-images, conflict-key-images.
 * Bone-age atlas: atlas-open, atlas-panel[data-status, data-sex, data-months], atlas-name|child|change|age|previous|next|sex-<sex>|other-sex|outside|insert|close, atlas-picture[data-state, data-zoom], atlas-zoom-in|zoom-out|fit,
 * atlas-broken|broken-retry|failed|retry|none|again|no-sex|faults, atlas-ask, atlas-ask-<sex>|years|months|done, edge-atlas.
 * Report: report, report-state, report-findings, report-impression, report-positive, report-negative, report-saved[data-save], report-templates,
 * report-knowledge, report-pdf, report-submit|review|return|sign|recall|addendum, report-blocked, report-read-only, report-return-reason, report-failed, report-trail,
 * template-search, template[data-template], template-insert, template-replace, template-all, template-save, template-name, reason-dialog, return-reason,
 * reason-confirm, pdf-dialog, pdf-frame, pdf-tab, pdf-print, trail, trail-version, trail-against, diff-findings, diff-impression, conflict,
 * conflict-mine-findings, conflict-theirs-findings, conflict-keep-mine, conflict-take-theirs, notice, notice-action, disconnected.
 */
import { computed, createApp, ref, shallowRef, watch } from 'vue'

import { defineDesk, keeping, RIS, session, type DeskContext, type Live, type LiveState, type Me } from '../desk/shell'
import type { KeptKeyImages } from './case/useKeyImages'
import type { KeptMarkings } from './case/useMarkings'
import { openDrafts } from './draftStore'
import { Keeping, laterStore, openStore } from './keptStore'
import { kernelQuestions } from './kernelQuestions'
import ReadingDesk from './ReadingDesk.vue'
import { Records, type Marking, type Row } from './records'
import { watchReachable } from './reachable'
import { SERVICES, type Services } from './services'

function services(context: DeskContext): Services {
  const me = shallowRef<Me | null>(null)
  context.me.then((found) => void (me.value = found), () => undefined)
  const stream = ref<LiveState>('connecting')
  const onMarkings = new Set<(marking: Marking) => void>()
  const onKeyImages = new Set<(id: string) => void>()
  const ris = watchReachable(context.api, '/services/ris/', async (signal) => (await fetch('/services/ris/healthz', { cache: 'no-store', signal })).ok)
  const keep = new Keeping((kept) => void (keeping.value = kept))
  const drafts = keep.watch(laterStore(openDrafts()))
  const keptMarkings = keep.watch(laterStore(openStore<KeptMarkings>('reading-desk-markings', 'markings')))
  const keptKeyImages = keep.watch(laterStore(openStore<KeptKeyImages>('reading-desk-key-images', 'key-images')))
  return {
    records: new Records(ris.api),
    api: ris.api,
    drafts,
    keptMarkings,
    keptKeyImages,
    me,
    lang: context.lang,
    // A kernel that has ended is no reason to wait: records and images do not need it. A cut link to it is: it is the same network.
    connected: computed(() => session.value === 'ok' && !ris.away.value && (stream.value === 'connecting' || stream.value === 'live') && context.connection.state !== 'reconnecting'),
    ask: kernelQuestions(context.kernel),
    tell(trait, value) {
      context.kernel.then(
        (model) => {
          model.set(trait, value)
          model.save_changes()
        },
        () => undefined,
      )
    },
    follow(onRow, since) {
      const begin = (): Live =>
        context.live<Row | Marking | { id: string }>(`${RIS}/worklist/stream`, {
          event: ['exam', 'marking', 'key_image'],
          since: since(),
          onRow: (row, _, event) => {
            if (event === 'exam') onRow(row as Row)
            else if (event === 'key_image') onKeyImages.forEach((tell) => tell((row as { id: string }).id))
            else onMarkings.forEach((tell) => tell(row as Marking))
          },
          onState: (state) => void (stream.value = state),
        })
      let feed = begin()
      // A stream that was open while ris died may hang for long: a new one is certain.
      const unwatch = watch(ris.away, (away) => {
        if (away) return
        feed.close()
        feed = begin()
      })
      return () => {
        unwatch()
        feed.close()
      }
    },
    followMarkings(onMarking) {
      onMarkings.add(onMarking)
      return () => void onMarkings.delete(onMarking)
    },
    followKeyImages(onKeyImage) {
      onKeyImages.add(onKeyImage)
      return () => void onKeyImages.delete(onKeyImage)
    },
    viewerUrl: context.page.modules['viewer'],
  }
}

export default defineDesk({
  mount(el, context) {
    createApp(ReadingDesk).provide(SERVICES, services(context)).mount(el)
  },
})
