/**
 * The page around itk-vtk-viewer: its plugin object, which itkwidgets talks to, at one end of a message port; the kernel at the other.
 * The plugin wants a global called `container`.
 */
const container = document.getElementById('container')
const plugin = new itkVtkViewer.ImJoyPluginAPI()
plugin.viewer = null
/** Number of a question for data → how to answer who waits for it. */
const pending = new Map()
let port
let asked = 0
let rendered = null
/** As the viewer's own, without its least width and height. */
const ANY_SIZE = { position: 'relative', width: '100%', height: '100%', margin: '0', padding: '0', top: '0', left: '0', flex: '1 1 0px', overflow: 'hidden' }

/** What the kernel's `Conversation` encoded. */
function decode(value) {
  if (value === null || typeof value !== 'object' || value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return value
  if (Array.isArray(value)) return value.map(decode)
  if (value._store !== undefined) return { _rtype: 'zarr-store', getItem: (key) => ask(value._store, key) }
  if (value._nd) return { _rtype: 'ndarray', _rdtype: value._nd[0], _rshape: value._nd[1], _rvalue: value.buf }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, decode(each)]))
}

function ask(store, key) {
  return new Promise((resolve, reject) => {
    asked += 1
    pending.set(asked, { resolve, reject })
    port.postMessage({ t: 'get', n: asked, store, key })
  })
}

/** A result as it can go to the kernel. */
function plain(value) {
  if (value === undefined || typeof value === 'function') return null
  const each = (_key, part) => (ArrayBuffer.isView(part) ? Array.from(part) : part instanceof Map ? Object.fromEntries(part) : part)
  try {
    return JSON.parse(JSON.stringify(value, each))
  } catch {
    return null
  }
}

/** The first picture turns the camera back to the volume behind the viewer's own state: the wanted mode is set once more. */
function unfold(viewer) {
  const mode = viewer.getViewMode()
  if (mode !== 'Volume') viewer.getViewProxy().setViewMode(mode)
  container.classList.remove('tiny')
  requestAnimationFrame(() => {
    viewer.getViewProxy().resize()
    viewer.getViewProxy().resetCamera()
    viewer.getViewProxy().renderLater()
  })
}

const own = {
  async create({ data, config, mode }) {
    plugin.viewer?.delete?.()
    rendered = null
    const planes = data.image !== undefined && mode && mode !== 'Volume'
    // Whatever is wanted, the viewer begins with a rendering of the volume. A tiny one is soon done, also without a graphics device.
    if (planes) container.classList.add('tiny')
    await plugin.run({ data, config: planes ? { ...config, renderingViewContainerStyle: ANY_SIZE } : config })
    const viewer = plugin.viewer
    if (planes) viewer.setViewMode(mode)
    viewer.on('renderedImageAssigned', (told) => {
      if (!rendered && planes) setTimeout(() => unfold(viewer), 50)
      rendered = plain(told) || true
      document.documentElement.dataset.rendered = 'true'
    })
  },
  registerEventListener(name) {
    plugin.viewer.on(name, (data) => port.postMessage({ t: 'event', name, data: plain(data) }))
    if (name === 'renderedImageAssigned' && rendered) port.postMessage({ t: 'event', name, data: rendered })
  },
}

async function call({ n, method, args }) {
  try {
    const run = own[method] ?? plugin[method]?.bind(plugin)
    if (!run) throw new Error(`no method ${method}`)
    port.postMessage({ t: 'ret', n, value: plain(await run(...decode(args))) })
  } catch (error) {
    port.postMessage({ t: 'ret', n, error: String(error?.message || error) })
  }
}

let order = Promise.resolve()
addEventListener('message', (event) => {
  if (event.source !== parent || event.origin !== location.origin || event.data !== 'hub-itk' || port) return
  port = event.ports[0]
  port.onmessage = ({ data: message }) => {
    if (message.t === 'call') {
      order = order.then(() => call(message))
      return
    }
    const waiting = pending.get(message.n)
    pending.delete(message.n)
    if (message.t !== 'got' || !waiting) return
    if (message.missing) waiting.reject(new Error('no such key'))
    else waiting.resolve(new Uint8Array(message.buf))
  }
  port.postMessage({ t: 'ready' })
})
