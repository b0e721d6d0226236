/** What the desk's components reach by injection: services, the signed-in person, language, connection, the kernel. */
import { inject, type InjectionKey, type Ref } from 'vue'

import type { Api, Me } from '../desk/shell'
import type { DraftStore } from './draftStore'
import type { KeptKeyImages } from './case/useKeyImages'
import type { KeptMarkings } from './case/useMarkings'
import type { KeptStore } from './keptStore'
import type { Marking, Records, Row } from './records'
import { say, type Lang, type Word } from './words'

/** One question to the kernel; rejected when it is not there or does not answer within `limit` ms. */
export type AskKernel = <T>(question: { type: string; [key: string]: unknown }, limit?: number) => Promise<T>

export interface Services {
  records: Records
  /** For parts of other desks that are shown here; its failures are noticed as those of `records`. */
  api: Api
  drafts: DraftStore
  keptMarkings: KeptStore<KeptMarkings>
  keptKeyImages: KeptStore<KeptKeyImages>
  /** Null until ris has said who this is; no right is assumed meanwhile. */
  me: Ref<Me | null>
  lang: Ref<Lang>
  /** False while the link to ris is down or the session has ended: acts are blocked, typing goes on. */
  connected: Ref<boolean>
  ask: AskKernel
  /** Tells the kernel a trait; it waits there for nobody. */
  tell(trait: 'exam' | 'view', value: Record<string, unknown> | null): void
  /** Live worklist rows after `since`; the function ends the subscription. */
  follow(onRow: (row: Row) => void, since: () => number): () => void
  /** Live markings, by the same stream; the function ends it. */
  followMarkings(onMarking: (marking: Marking) => void): () => void
  /** Ids of key images that changed, by the same stream; the function ends it. */
  followKeyImages(onKeyImage: (id: string) => void): () => void
  /** Address of the viewer's bundle, loaded once after the worklist is painted. */
  viewerUrl: string | undefined
}

export const SERVICES: InjectionKey<Services> = Symbol('reading services')

export type Translate = (word: Word, values?: Record<string, string | number>) => string

export function useServices(): Services & { t: Translate } {
  const services = inject(SERVICES)
  if (!services) throw new Error('the reading desk was mounted without its services')
  return { ...services, t: (word, values) => say(services.lang.value, word, values) }
}
