/** Which functions of the viewer the signed-in person has: ris says it (`ris/access/licence.py`), the desk's parts ask here. */
import { computed, inject, type ComputedRef, type InjectionKey, type Ref } from 'vue'

import type { Me } from '../desk/shell'
import { functionsOf, Toolset, type FunctionId } from '../viewer/toolset'
import { isWord, say, type Lang } from './words'

export const TOOLS_OF: InjectionKey<ComputedRef<Toolset>> = Symbol('functions of the viewer')

/** Names for the viewer. Until ris has said who this is, none. */
export const namesFor = (me: Pick<Me, 'image_functions'> | null): readonly string[] => functionsOf(me?.image_functions ?? [])

export const toolsetFor = (me: Ref<Me | null>): ComputedRef<Toolset> => computed(() => new Toolset(namesFor(me.value)))

export function useToolset(): ComputedRef<Toolset> {
  const found = inject(TOOLS_OF)
  if (!found) throw new Error('the reading desk was mounted without its functions')
  return found
}

/** What the desk calls these functions, those that have a name on it. */
export function functionWords(lang: Lang, functions: readonly FunctionId[]): string {
  return functions.map((id): string => `tool_${id}`).filter(isWord).map((word) => say(lang, word)).join(say(lang, 'comma'))
}
