"""A volume that is a folder: usually the mount of a NAS."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from dicom_node.archive.files import sync_folder
from dicom_node.storage.volume import CHUNK, COPY, MARK, Mark, NoCopyError, SourceError, Volume, VolumeError

_names = itertools.count()


class FolderVolume(Volume):
    """A folder. It must hold its mark, so that neither an unmounted mount point nor another share is taken for it."""

    def __init__(self, name: str, root: Path) -> None:
        super().__init__(name)
        self.root = root

    def _present(self) -> Path:
        self.check()
        return self.root

    def no_mark(self) -> str:
        """As above."""
        return f"{self.root} is not mounted or was never prepared (no file {MARK})"

    def read_mark(self) -> bytes | None:
        """As above."""
        try:
            return (self.root / MARK).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise VolumeError(f"volume {self.name}: {error.strerror}") from error

    def write_mark(self, mark: Mark) -> None:
        """As above: synced under another name, then renamed."""
        fresh = self.root / f"{MARK}.new"
        try:
            with fresh.open("wb") as file:
                file.write(mark.written())
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.root / MARK)
            (self.root / "incoming").mkdir(exist_ok=True)
            sync_folder(self.root)
        except OSError as error:
            raise VolumeError(f"volume {self.name}: {error.strerror}") from error

    def prepare(self) -> None:
        """Make an empty or new folder this volume. VolumeError: it holds something else."""
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            if any(not path.name.startswith(MARK) for path in self.root.iterdir()):
                raise VolumeError(  # noqa: TRY301
                    f"volume {self.name}: {self.root} holds other files; name an empty folder, or put an empty file {MARK} into it"
                )
        except VolumeError:
            raise
        except OSError as error:
            raise VolumeError(f"volume {self.name}: {error.strerror}") from error
        self.write_mark(Mark.fresh(self.name))

    def stored(self, digest: str) -> int | None:
        """As above."""
        try:
            return (self.root / digest[:2] / f"{digest}.dcm").stat().st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise VolumeError(f"volume {self.name}: {error.strerror}") from error

    def sweep(self) -> None:
        """Remove what a crash left half-written. VolumeError."""
        try:
            (self._present() / "incoming").mkdir(exist_ok=True)
            for left in (self._present() / "incoming").iterdir():
                left.unlink(missing_ok=True)
        except VolumeError:
            raise
        except OSError as error:
            raise VolumeError(f"volume {self.name}: {error.strerror}") from error

    def _place(self, digest: str) -> Path:
        return self._present() / digest[:2] / f"{digest}.dcm"

    def pieces(self, digest: str) -> Iterator[bytes]:
        """As above; bytes of the page cache are not trusted to be the disk's, so the kernel is told to forget them first."""
        place = self._place(digest)
        try:
            fd = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise NoCopyError(f"no copy of {digest[:12]} on {self.name}") from error
        except OSError as error:
            raise VolumeError(f"volume {self.name}: {error.strerror}") from error
        try:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            while piece := os.read(fd, CHUNK):
                yield piece
        except OSError as error:
            raise VolumeError(f"volume {self.name}: {error.strerror}") from error
        finally:
            os.close(fd)

    def write(self, digest: str, source: Path) -> None:
        """As above: synced under another name, then renamed, and its folder synced."""
        temporary = self._present() / "incoming" / f"{digest}.{os.getpid()}-{next(_names)}"
        try:
            found = hashlib.sha256()
            with source.open("rb") as read, temporary.open("xb") as written:
                while piece := read.read(CHUNK):
                    found.update(piece)
                    written.write(piece)
                written.flush()
                os.fsync(written.fileno())
            if found.hexdigest() != digest:  # before the name: a whole copy may stand there already
                raise SourceError(f"the file of {digest[:12]} is damaged, and was not copied")  # noqa: TRY301
            folder = self.root / digest[:2]
            if not folder.is_dir():
                folder.mkdir(exist_ok=True)
                sync_folder(self.root)
            temporary.replace(folder / f"{digest}.dcm")
            sync_folder(folder)
        except SourceError:
            temporary.unlink(missing_ok=True)
            raise
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise VolumeError(f"volume {self.name}: {error.strerror}") from error

    def size(self, digest: str) -> int:
        """As above."""
        place = self._place(digest)
        try:
            return place.stat().st_size
        except FileNotFoundError as error:
            raise NoCopyError(f"no copy of {digest[:12]} on {self.name}") from error
        except OSError as error:
            raise VolumeError(f"volume {self.name}: {error.strerror}") from error

    def delete(self, digest: str) -> None:
        """As above."""
        place = self._place(digest)
        try:
            place.unlink(missing_ok=True)
            if place.parent.is_dir():
                sync_folder(place.parent)
        except OSError as error:
            raise VolumeError(f"volume {self.name}: {error.strerror}") from error

    def walk(self) -> Iterator[tuple[str, int]]:
        """As above."""
        try:
            for folder in sorted(self._present().glob("[0-9a-f][0-9a-f]")):
                for path in sorted(folder.iterdir()):
                    if found := COPY.match(f"{folder.name}/{path.name}"):
                        yield found[2], path.stat().st_size
        except VolumeError:
            raise
        except OSError as error:
            raise VolumeError(f"volume {self.name}: {error.strerror}") from error

    def free(self) -> tuple[int, int] | None:
        """As above."""
        try:
            usage = shutil.disk_usage(self._present())
        except VolumeError:
            raise
        except OSError as error:
            raise VolumeError(f"volume {self.name}: {error.strerror}") from error
        return usage.free, usage.total
