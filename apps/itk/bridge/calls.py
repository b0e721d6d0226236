"""The kernel's end of the talk with one viewer page: calls of itkwidgets go out, what the page asks of the data comes in.

Messages (JSON, binary parts beside them; `{"_buf": n}` stands for the n-th):

    kernel → page  {"t": "call", "n", "view", "method", "args"}    {"t": "got", "n", "view", "missing", "buf"}
    page → kernel  {"t": "ready", "view"}  {"t": "get", "n", "view", "store", "key"}  {"t": "ret", "n", "value" | "error"}
                   {"t": "event", "name", "data"}  {"t": "gone", "view"}
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import types
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np

Send = Callable[[dict[str, Any], list[Any]], None]
Future = concurrent.futures.Future[Any]

_current: ContextVar[Conversation] = ContextVar("hub_itk_conversation")


class Conversation:
    """One viewer of itkwidgets (`plugin`: its ViewerRPC) and the page that shows it, which may be opened again."""

    def __init__(self, plugin: Any, send: Send) -> None:
        self._plugin, self._send = plugin, send
        self._stores: list[Any] = []
        self._waiting: dict[int, Future] = {}
        self._listeners: dict[str, list[Callable[[Any], Any]]] = {}
        self._setters: dict[str, tuple[Any, ...]] = {}
        self._view: str | None = None
        self._created: dict[str, Any] | None = None
        self._numbers = itertools.count(1)
        self._loop = asyncio.get_event_loop()
        self._running: asyncio.Task[None] | None = None

    # --- to the page ---------------------------------------------------------------------------------------------------------------

    def call(self, method: str, *arguments: Any) -> Future:
        """Asks the page; from any thread."""
        answer: Future = concurrent.futures.Future()
        number = next(self._numbers)
        buffers: list[Any] = []
        self._waiting[number] = answer
        encoded = self._encode(list(arguments), buffers)
        self._send({"t": "call", "n": number, "view": self._view, "method": method, "args": encoded}, buffers)
        return answer

    def create(self, data: Any, config: dict[str, Any]) -> Future:
        """The first call: what to show. Kept for a page that is opened again."""
        # told with the rest: told later, as itkwidgets does, the viewer first renders the volume, which takes minutes without a graphics device
        mode = getattr(self._plugin, "_init_viewer_kwargs", {}).get("view_mode")
        self._created = {"data": data, "config": config, "mode": mode}
        return self.call("create", self._created)

    def set(self, method: str, arguments: tuple[Any, ...]) -> None:
        """Remembers the last value of a setting, for a page that is opened again."""
        self._setters.pop(method, None)
        self._setters[method] = arguments

    def listen(self, name: str, listener: Callable[[Any], Any]) -> Future:
        """Whenever the viewer tells `name`, on the kernel's own loop."""
        self._listeners.setdefault(name, []).append(listener)
        return self.call("registerEventListener", name)

    def _encode(self, value: Any, buffers: list[Any]) -> Any:
        import zarr

        if isinstance(value, zarr.storage.BaseStore):
            if not any(known is value for known in self._stores):
                self._stores.append(value)
            return {"_store": next(n for n, known in enumerate(self._stores) if known is value)}
        if isinstance(value, np.ndarray):
            # the page has no 64 bit numbers
            narrow = value.dtype.kind not in "iuf" or value.dtype.itemsize == 8
            array: Any = np.ascontiguousarray(value, dtype=np.float32 if narrow else None)
            buffers.append(memoryview(array).cast("B"))
            return {"_nd": [array.dtype.name, list(array.shape)], "buf": {"_buf": len(buffers) - 1}}
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, dict):
            return {str(key): self._encode(each, buffers) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._encode(each, buffers) for each in value]
        return value

    # --- from the page (JupyterLab delivers this in a thread of its own) ----------------------------------------------------------------

    def receive(self, message: Any) -> None:
        """One message of the page; what is none is left alone."""
        kind = message.get("t") if isinstance(message, dict) else None
        if kind == "get":
            self._give(message)
        elif kind == "ret":
            answer = self._waiting.pop(message.get("n"), None)
            if answer is not None and not answer.done():
                if message.get("error"):
                    answer.set_exception(RuntimeError(str(message["error"])))
                else:
                    answer.set_result(message.get("value"))
        elif kind == "event":
            for listener in self._listeners.get(str(message.get("name")), []):
                self._loop.call_soon_threadsafe(listener, message.get("data"))
        elif kind == "ready":
            self._begin(str(message.get("view")))
        elif kind == "gone" and message.get("view") == self._view:
            for answer in self._waiting.values():
                answer.cancel()
            self._waiting.clear()

    def _give(self, message: dict[str, Any]) -> None:
        number, key = message.get("store"), message.get("key")
        known = isinstance(number, int) and 0 <= number < len(self._stores) and isinstance(key, str)
        data = self._stores[number].get(key) if known and number is not None else None
        content = memoryview(b"" if data is None else data).cast("B")
        answer = {"t": "got", "n": message.get("n"), "view": message.get("view"), "missing": not len(content), "buf": {"_buf": 0}}
        self._send(answer, [content])

    def _begin(self, view: str) -> None:
        first, self._view = self._view is None, view
        if first:
            self._loop.call_soon_threadsafe(self._start)
        elif self._created is not None:
            self.call("create", self._created)
            for name in self._listeners:
                self.call("registerEventListener", name)
            for method, arguments in list(self._setters.items()):
                self.call(method, *arguments)

    def _start(self) -> None:
        self._running = self._loop.create_task(self._run())

    async def _run(self) -> None:
        _current.set(self)
        await self._plugin.setup()
        await self._plugin.run({})


class RemoteViewer:
    """What itkwidgets calls `itk_viewer`: every attribute is a call into the page."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self.config = types.SimpleNamespace(window_id=f"itk-{uuid.uuid4()}")

    def registerEventListener(self, name: str, listener: Callable[[Any], Any]) -> Any:  # noqa: N802 - the viewer's own name
        """As the viewer's own."""
        return _awaitable(self._conversation.listen(name, listener))

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method.startswith("_"):
            raise AttributeError(method)

        def call(*arguments: Any) -> Any:
            if method.startswith("set"):
                self._conversation.set(method, arguments)
            return _awaitable(self._conversation.call(method, *arguments))

        return call


def _awaitable(answer: Future) -> Any:
    """For `await` where a loop runs; the plain future elsewhere."""
    try:
        return asyncio.wrap_future(answer, loop=asyncio.get_running_loop())
    except RuntimeError:
        return answer


async def create_window(*, data: Any = None, config: dict[str, Any] | None = None, **_: Any) -> RemoteViewer:
    """ImJoy's `createWindow`, as itkwidgets calls it from `ViewerRPC.run`: the page of the conversation that runs it."""
    conversation = _current.get()
    settings = dict(config or {})
    if settings.get("uiMachineOptions"):  # an address in a content network; ours lies beside the viewer page
        settings["uiMachineOptions"] = {"href": "./ui.js", "export": "default"}
    await asyncio.wrap_future(conversation.create(data, settings))
    return RemoteViewer(conversation)
