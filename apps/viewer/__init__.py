"""The image viewer: TypeScript modules for the browser, and the same as a Jupyter widget."""

from apps.viewer.viewer import DicomViewer

__all__ = ["DicomViewer"]
