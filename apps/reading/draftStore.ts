/** Typed text on this machine until ris has it: one record per user and report (or exam, while it has no report yet). */
import { memoryStore, openStore, type Kept, type KeptStore } from './keptStore'
import type { Text } from './records'

export interface KeptDraft extends Text, Kept {
  /** Version of the report on the server which this text started from; null when there was no report. */
  base: number | null
  at: string
}

export type DraftStore = KeptStore<KeptDraft>

export function draftKey(username: string, examId: number): string {
  return `${username} ${examId}`
}

export const memoryDrafts = (): DraftStore => memoryStore<KeptDraft>()

export const openDrafts = (factory?: IDBFactory): Promise<DraftStore> => openStore<KeptDraft>('reading-desk', 'drafts', factory)
