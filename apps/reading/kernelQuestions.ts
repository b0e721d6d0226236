/** Questions to the desk object in the kernel: one message each way, matched by a number, given up after a limit. */
import type { WidgetModel } from '../desk/shell'
import type { AskKernel } from './services'

interface Answer { type?: string; id?: number; problem?: string; [key: string]: unknown }

export function kernelQuestions(kernel: Promise<WidgetModel>): AskKernel {
  const waiting = new Map<number, (answer: Answer) => void>()
  let count = 0
  let model: WidgetModel | null = null
  kernel.then(
    (joined) => {
      model = joined
      joined.on('msg:custom', (answer: Answer) => {
        if (typeof answer?.id !== 'number') return
        waiting.get(answer.id)?.(answer)
        waiting.delete(answer.id)
      })
    },
    () => undefined,
  )
  return <T>(question: { type: string; [key: string]: unknown }, limit = 1500): Promise<T> =>
    new Promise((resolve, reject) => {
      if (!model) {
        reject(new Error('the kernel is not there'))
        return
      }
      const id = (count += 1)
      const timer = setTimeout(() => {
        waiting.delete(id)
        reject(new Error('the kernel did not answer in time'))
      }, limit)
      waiting.set(id, (answer) => {
        clearTimeout(timer)
        if (answer.problem) reject(new Error(answer.problem))
        else resolve(answer as T)
      })
      model.send({ ...question, id }).catch((error: unknown) => {
        clearTimeout(timer)
        waiting.delete(id)
        reject(error as Error)
      })
    })
}
