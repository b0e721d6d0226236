"""Volumes by URL: a folder or NAS mount, or an S3-compatible object store."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from dicom_node.storage.bucket import Credentials, ObjectVolume, open_bucket
from dicom_node.storage.folder import FolderVolume
from dicom_node.storage.volume import AbsentError, DamagedError, NoCopyError, SourceError, Volume, VolumeError

__all__ = [
    "AbsentError", "Credentials", "DamagedError", "FolderVolume", "NoCopyError", "ObjectVolume", "SourceError", "Volume", "VolumeError",
    "open_volume",
]  # fmt: skip
_PARAMETERS = {"endpoint", "region"}


def open_volume(name: str, url: str, credentials: Credentials | None) -> Volume:
    """The volume at `url`: `file:///folder` or `s3://bucket/prefix?endpoint=…&region=…`. ValueError says what is wrong with it."""
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise ValueError("访问密钥不能写在 URL 中, 请用 credentials 文件 | keys do not belong into a URL: use a credentials file")
    if parts.scheme == "file":
        if parts.netloc or not parts.path.startswith("/") or parts.query:
            raise ValueError("文件夹请写成 file:///绝对路径 | a folder is written file:///absolute/path")
        return FolderVolume(name, Path(unquote(parts.path)))
    if parts.scheme == "s3":
        asked = parse_qs(parts.query, strict_parsing=bool(parts.query))
        if unknown := asked.keys() - _PARAMETERS:
            raise ValueError(f"未知参数 {', '.join(sorted(unknown))} | unknown parameter; known: {', '.join(sorted(_PARAMETERS))}")
        if not parts.netloc:
            raise ValueError("缺少存储桶名称 | the name of the bucket is missing: s3://bucket/prefix")
        return open_bucket(name, parts.netloc, parts.path.strip("/"), {key: values[-1] for key, values in asked.items()}, credentials)
    raise ValueError(f"不支持的存储类型 {parts.scheme or url!r} | not a kind of volume: file:// or s3://")
