"""JupyterLab as its own command starts it, without what costs seconds at each start and nobody needs in a room.

Runs inside, with the Lab's Python; takes the arguments of `jupyter-lab`.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any


def postpone_grammar() -> None:
    """`hub_config.iri`, which lies beside this file here."""
    spec = importlib.util.spec_from_file_location("iri", Path(__file__).with_name("iri.py"))
    if spec is None or spec.loader is None:
        raise ImportError("iri.py is missing")
    iri = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(iri)
    iri.postpone()


def lab_app() -> Any:
    """JupyterLab's application class."""
    postpone_grammar()
    path = os.environ["PATH"]
    # Where it finds Node.js it asks Yarn for its settings, for the building of extensions; there is no Node.js beside our Python.
    os.environ["PATH"] = str(Path(sys.executable).parent)
    try:
        from jupyterlab.labapp import LabApp
    finally:
        os.environ["PATH"] = path
    return LabApp


if __name__ == "__main__":
    lab_app().launch_instance()
