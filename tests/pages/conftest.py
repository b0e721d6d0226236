"""A real pages service with a real zygote behind the real proxy; only ris is reduced to its ticket addresses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.pages.running import Pages
from tests.worker import take_free_port


@pytest.fixture(scope="package")
def make_pages(front_end: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Pages]]:
    """Starts a set-up with settings of its own."""
    started: list[Pages] = []

    def make(**settings: str) -> Pages:
        folder = tmp_path_factory.mktemp("pages")
        private = Ed25519PrivateKey.generate()
        stranger = Ed25519PrivateKey.generate()
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "private.pem").write_bytes(pem)
        (folder / "public.pem").write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        pages = Pages(folder, front_end, pem.decode(), stranger.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
        started.append(pages)
        pages.settings = {"PAGES_POOL": "2", "PAGES_REFILL": "0.2", **settings}
        pages.ports = {name: take_free_port() for name in ("ris", "pages", "proxy", "proxy-api")}
        for name in ("ris", "zygote", "proxy", "pages"):
            pages.start(name)
        return pages

    yield make
    for pages in started:
        pages.stop()


@pytest.fixture(scope="package")
def pages(make_pages: Callable[..., Pages]) -> Pages:
    """The set-up most tests share; times short enough to be waited for."""
    return make_pages(PAGES_GRACE="30", PAGES_HINT="0.5", PAGES_CHECK="1")
