import { describe, expect, it } from 'vitest'

import { Problem, type Api } from '../../desk/shell'
import { ownDocument } from './ownDocument'
import { useOwnDraft } from './useOwnDraft'

const refusal = (status: number, code: string): Problem => new Problem(status, code, { zh: { title: '', action: '' }, en: { title: '', action: '' } })

/** A document with versions, as ris keeps it; another window may write it, and ris may be away. */
function bench() {
  const kept = { version: 1, document: { words: 'first' } }
  const world = { kept, away: false, done: 0 }
  const answer = () => {
    if (world.away) throw refusal(503, 'service.away')
    return structuredClone(kept)
  }
  const api = {
    get: async () => answer(),
    put: async (_: string, { version, document }: typeof kept) => {
      answer()
      if (version !== kept.version) throw refusal(409, 'preference.version')
      Object.assign(kept, { version: version + 1, document })
      return answer()
    },
  } as unknown as Api
  const own = ownDocument<string, { words: string }>(api, 'words', { empty: '', open: ({ words }) => words, wrap: (words) => ({ words }) })
  const edit = () => useOwnDraft<string, string>(own, { open: (words) => words, close: (words) => words, done: () => void (world.done += 1) })
  return { world, own, edit, elsewhere: (words: string) => void Object.assign(kept, { version: kept.version + 1, document: { words } }) }
}

describe('a draft of one\'s own document', () => {
  it('is not saved over what another window has saved, though the document was had anew beneath it', async () => {
    const { world, own, edit, elsewhere } = bench()
    await own.load()
    const draft = edit()
    draft.draft.value = 'mine'
    elsewhere('theirs')
    world.away = true
    await draft.takeNewest()
    expect([draft.problem.value?.code, draft.draft.value]).toEqual(['service.away', 'mine'])
    world.away = false
    await own.load() // the link is back
    await draft.save()
    expect([draft.problem.value?.code, world.kept.document.words, world.done]).toEqual(['preference.version', 'theirs', 0])
    await draft.save(true)
    expect([draft.problem.value, world.kept.document.words, world.done]).toEqual([null, 'mine', 1])
  })

  it('goes on from the newest, where that is taken', async () => {
    const { world, own, edit, elsewhere } = bench()
    await own.load()
    const draft = edit()
    elsewhere('theirs')
    await draft.takeNewest()
    expect([draft.draft.value, draft.changed.value]).toEqual(['theirs', false])
    draft.draft.value = 'theirs and mine'
    await draft.save()
    expect([draft.problem.value, world.kept]).toEqual([null, { version: 3, document: { words: 'theirs and mine' } }])
  })

  it('says why it was not saved over the newest while ris is away', async () => {
    const { world, own, edit } = bench()
    await own.load()
    const draft = edit()
    draft.draft.value = 'mine'
    world.away = true
    await draft.save(true)
    expect([draft.problem.value?.code, draft.saving.value, world.done]).toEqual(['service.away', false, 0])
  })
})
