/** anywidget front end: a frame with the viewer page that this server holds, and the messages between it and the kernel. */

/** Where the set-up has laid the viewer: among the extensions, which JupyterLab and Voilà both serve. */
function viewerPage() {
  const facts = JSON.parse(document.getElementById('jupyter-config-data')?.textContent || '{}')
  return `${(facts.fullLabextensionsUrl || '/lab/extensions').replace(/\/$/, '')}/hub-itk/viewer.html`
}

/** Puts the binary parts of a message back, each as a buffer of its own, which can be handed on. */
function fill(value, buffers) {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map((each) => fill(each, buffers))
  if (value._buf !== undefined) {
    const part = buffers[value._buf]
    return part.buffer.slice(part.byteOffset, part.byteOffset + part.byteLength)
  }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, fill(each, buffers)]))
}

export default {
  render({ model, el }) {
    const view = crypto.randomUUID()
    const frame = document.createElement('iframe')
    frame.style.cssText = `width:100%;height:${model.get('height')}px;border:0;display:block;background:#000`
    frame.dataset.itk = view
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = ({ data }) => model.send({ ...data, view })
    const receive = (message, buffers) => {
      if (message.view && message.view !== view) return
      const filled = fill(message, buffers || [])
      port1.postMessage(filled, filled.buf ? [filled.buf] : [])
    }
    model.on('msg:custom', receive)
    frame.onload = () => frame.src && frame.contentWindow.postMessage('hub-itk', location.origin, [port2])
    el.appendChild(frame)
    // In a hidden tab the frame has no size, and the viewer would set its camera for that: it starts when it is first seen.
    const seen = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting && entry.boundingClientRect.width > 0)) return
      seen.disconnect()
      frame.src = viewerPage()
    })
    seen.observe(frame)
    return () => {
      seen.disconnect()
      model.off('msg:custom', receive)
      model.send({ t: 'gone', view })
      port1.close()
      frame.remove()
    }
  },
}
