import { expect, test } from 'vitest'

import { fill } from './talk'

test('binary parts come back where they were, each as a buffer of its own', () => {
  const sent = new Uint8Array([9, 1, 2, 3, 9])
  const filled = fill({ t: 'got', n: 4, buf: { _buf: 0 }, args: [{ _buf: 1 }, null, 'text'] }, [new DataView(sent.buffer, 1, 3), new DataView(sent.buffer, 4, 1)]) as { buf: ArrayBuffer; args: unknown[] }
  expect([...new Uint8Array(filled.buf)]).toEqual([1, 2, 3])
  expect(filled.buf).not.toBe(sent.buffer)
  expect([...new Uint8Array(filled.args[0] as ArrayBuffer)]).toEqual([9])
  expect(filled.args.slice(1)).toEqual([null, 'text'])
})

test('a part that did not come is empty, not somebody else’s', () => {
  expect((fill({ _buf: 3 }, []) as ArrayBuffer).byteLength).toBe(0)
})
