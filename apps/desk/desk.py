"""What every desk object in a kernel is: an anywidget with the page's language and the account, which answers a ping."""

from __future__ import annotations

from typing import Any, ClassVar

import anywidget
import traitlets

NOTICE = """
export default {
  render({ model, el }) {
    const said = document.createElement('p')
    said.textContent = model.get('how_to_open')
    el.append(said)
  },
}
"""


class Desk(anywidget.AnyWidget):
    """Base of the desks. Every synced trait is user input: check it, and let the services decide rights.

    Subclasses override `on_message(content, buffers)`; the page reads traits and `msg:custom` messages.
    """

    _esm: ClassVar[str] = NOTICE
    # In a plain notebook there is no desk page around it: the stub then says in words where the desk is.
    how_to_open = traitlets.Unicode(
        "这是一个工作台的后台部分。请登录后在浏览器打开 /services/pages/desk/<工作台> 使用它。 "
        "This is the kernel side of a desk: sign in and open /services/pages/desk/<desk> in the browser."
    ).tag(sync=True)
    lang = traitlets.Enum(["zh", "en"], default_value="zh").tag(sync=True)
    me = traitlets.Dict().tag(sync=True)

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.on_msg(self._receive)

    def _receive(self, _widget: Any, content: Any, buffers: list[Any]) -> None:
        if isinstance(content, dict) and content.get("type") == "ping":
            self.send({"type": "pong"})
            return
        self.on_message(content, buffers)

    def on_message(self, content: Any, buffers: list[Any]) -> None:
        """A message of the page (`model.send`); `content` is untrusted JSON."""
