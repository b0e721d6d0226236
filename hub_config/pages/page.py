"""The HTML of a desk's head and of the pages that say why there is no desk. The body comes from the template."""

from __future__ import annotations

import json
from html import escape

from hub_config.pages.desks import DeskPage
from hub_config.pages.frontend import FrontEnd
from hub_config.pages.settings import PREFIX

SECURITY_HEADERS = {
    # Bundles by URL only, no inline script, nothing leaves the machine. Naive UI writes <style> elements: 'unsafe-inline' for those only.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; frame-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), payment=(), usb=()",
}

VIEWER_POLICY = (
    # itk-vtk-viewer compiles WebAssembly and makes workers from blobs; it is a page of its own, in a frame of a desk.
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval' blob:; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' blob: data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)

ME = "/services/ris/api/v1/me"


def _script_json(value: object) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def head(desk: DeskPage, front: FrontEnd, *, kernel: bool = True) -> str:
    """Everything the browser can begin with while the kernel runs the desk's cell; sent before the notebook is touched.

    `kernel`: whether one will come; without one this is the whole page.
    """
    entries = front.entries()
    boot, entry = entries["boot"], entries[desk.entry]
    static = PREFIX + "static/"
    facts = {
        "desk": desk.name,
        "titles": {"zh": desk.zh, "en": desk.en},
        "kernel": kernel,
        "modules": {name: static + file for name, file in front.modules().items()},
    }
    lines = [
        f'<!DOCTYPE html><html lang="zh-CN" data-theme="{desk.theme}"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(desk.zh)}</title>",
        f'<link rel="icon" href="{static}{front.icon}">' if front.icon else "",
        *(f'<link rel="stylesheet" href="{static}{name}">' for name in entry.css),
        f'<link rel="modulepreload" data-desk href="{static}{entry.js}">',
        *(f'<link rel="modulepreload" href="{static}{name}">' for name in entry.imports),
        # `crossorigin` makes the preload the very request that fetch() makes later, so that it is used and not repeated.
        *(f'<link rel="preload" as="fetch" crossorigin href="{escape(address)}">' for address in (ME, *desk.preload)),
        f'<script id="page" type="application/json">{_script_json(facts)}</script>',
        f'<script type="module" async src="{static}{boot.js}"></script></head>',
        '<body><div id="app"></div><div id="splash" role="status" aria-label="正在打开 / opening">',
        f"{escape(desk.zh)}</div>",
        "" if kernel else "</body></html>",
    ]
    return "".join(lines)


FAILED_TAIL = '<script id="view" type="application/json">{}</script><i id="view-mark" hidden></i></body></html>'
"""Ends a page whose kernel could not start: the shell then says so and offers to reopen."""


def notice(title: tuple[str, str], text: tuple[str, str], *, refresh: bool = False, link: tuple[str, str, str] | None = None) -> str:
    """A page of words only, Chinese first. `refresh`: load the same address again at once; `link`: address and its two texts."""
    again = '<meta http-equiv="refresh" content="0">' if refresh else ""
    way = f'<p><a href="{escape(link[0])}">{escape(link[1])} / {escape(link[2])}</a></p>' if link else ""
    return (
        f'<!DOCTYPE html><html lang="zh-CN"><head><meta charset="utf-8">{again}'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title[0])}</title>'
        "<style>body{margin:0;min-height:100vh;display:grid;place-content:center;background:#f4f5f6;color:#1c2126;"
        'font:15px/1.7 "Noto Sans SC","Microsoft YaHei","PingFang SC","Noto Sans CJK SC",sans-serif}main{max-width:40em;padding:24px}'
        "h1{font-size:20px;margin:0 0 8px}p{margin:0 0 8px}[lang=en]{color:#5b646d}a{color:#1f6f8b}</style></head>"
        f"<body><main><h1>{escape(title[0])}</h1><p>{escape(text[0])}</p>"
        f'<div lang="en"><strong>{escape(title[1])}</strong><p>{escape(text[1])}</p></div>{way}</main></body></html>'
    )
