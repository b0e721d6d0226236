"""itkwidgets 1.0a55 without ImJoy, without a content network and without further servers.

`import itkwidgets` anywhere, also before the first cell, gives the published package; only its surroundings are others: its remote calls go
to the viewer page that the set-up has laid beside this package, and its three-dimensional images through `lps.to_lps`, so that left stays left.

The set-up copies this folder into the environment of the notebooks as `hub_itk` and names it there as an extension of every kernel. It
imports nothing of the project outside itself.
"""

from __future__ import annotations

from typing import Any

from .importing import install
from .lps import MOST_SIDE, NoVolumeError, Volume, to_lps

__all__ = ["MOST_SIDE", "NoVolumeError", "Volume", "install", "load_ipython_extension", "to_lps"]


def load_ipython_extension(_shell: Any) -> None:
    """What IPython calls for `extensions = ["hub_itk"]`."""
    install()
