"""`import itkwidgets` with other surroundings: put in place at the moment of the import, so that a kernel that never imports it pays nothing."""

from __future__ import annotations

import enum
import importlib.abc
import importlib.util
import sys
import types
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from .calls import Conversation, create_window
from .images import image_reader, is_simple_itk

PACKAGE = "itkwidgets"


def _show_in_notebook(plugin: Any) -> None:
    from IPython.display import display

    from .frame import ItkFrame

    display(ItkFrame(plugin))


show: ContextVar[Callable[[Any], object]] = ContextVar("hub_itk_show", default=_show_in_notebook)
"""Called with the ViewerRPC of each new viewer: how it gets a page. In a notebook a widget, shown below the cell."""


class Environment(enum.Enum):
    """itkwidgets' `Env`. It would guess at its import, and wrongly so before the first cell and under Voilà."""

    JUPYTER = "jupyter"
    JUPYTERLITE = "lite"
    SAGEMAKER = "sagemaker"
    HYPHA = "hypha"
    COLAB = "colab"


class Api(dict[str, Any]):
    """Stands where ImJoy's `api` stood."""

    createWindow = staticmethod(create_window)  # noqa: N815 - ImJoy's name

    def registerCodec(self, *_: Any) -> None:  # noqa: N802 - ImJoy's name
        """Codecs are ours: `Conversation`."""

    register_codec = registerCodec

    def export(self, plugin: Any) -> None:
        """A new viewer is there."""
        show.get()(plugin)


class NoWatcher:
    """In place of itkwidgets' `CellWatcher`, which takes over the kernel's executing of cells and holds pages of Voilà for ever."""

    def __init__(self) -> None:
        self.results: dict[Any, Any] = {}

    def add_viewer(self, *_: Any) -> bool:
        """Nothing is held back."""
        return True

    update_viewer_status = viewer_ready = add_viewer

    def _callback(self, name: Any, *_: Any) -> None:
        self.results.pop(name, None)


def no_standalone_viewer(*_: Any, **__: Any) -> None:
    """In place of `standalone_viewer`, which starts a server of its own."""
    raise RuntimeError("此处不提供独立查看器，请用 view() / there is no standalone viewer here: use view()")


class Finder(importlib.abc.MetaPathFinder):
    """Waits for the import of itkwidgets and is gone afterwards."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """The package's own, with our steps before and after its code."""
        del path, target
        if fullname != PACKAGE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(PACKAGE)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module: types.ModuleType) -> None:
            _put_surroundings()
            execute(module)
            _adapt()

        spec.loader.exec_module = exec_module  # type: ignore[method-assign] # of this one loader
        return spec


def install() -> None:
    """Before itkwidgets is imported; again is harmless."""
    if PACKAGE not in sys.modules and not any(isinstance(each, Finder) for each in sys.meta_path):
        sys.meta_path.insert(0, Finder())


def _put(name: str, **members: Any) -> None:
    module = types.ModuleType(name)
    vars(module).update(members)
    sys.modules[name] = module


def _put_surroundings() -> None:
    _put("imjoy_rpc", api=Api(), register_default_codecs=lambda *_: None)
    _put(f"{PACKAGE}.integrations.environment", Env=Environment, ENVIRONMENT=Environment.JUPYTER)
    _put(f"{PACKAGE}.cell_watcher", CellWatcher=NoWatcher)
    _put(f"{PACKAGE}.standalone_server", standalone_viewer=no_standalone_viewer)


def _adapt() -> None:
    viewer: Any = importlib.import_module(f"{PACKAGE}.viewer")
    parameters: Any = importlib.import_module(f"{PACKAGE}._initialization_params")
    types_of: Any = importlib.import_module(f"{PACKAGE}.render_types")

    async def no_screenshot(*_: Any) -> None:
        """Pixel data must not get into the saved notebook."""

    viewer.ViewerRPC.create_screenshot = no_screenshot
    viewer.ViewerRPC.update_screenshot = lambda *_: None
    viewer.display = lambda *_, **__: None  # an empty element that only the screenshot needs
    detect = parameters._detect_render_type  # noqa: SLF001 - the one place where itkwidgets looks at its input

    def render_type(data: Any, kind: str) -> Any:
        return types_of.RenderType.IMAGE if is_simple_itk(data) else detect(data, kind)

    parameters._detect_render_type = render_type  # noqa: SLF001
    parameters._get_viewer_image = image_reader(parameters._get_viewer_image)  # noqa: SLF001


__all__ = ["Conversation", "install", "show"]
