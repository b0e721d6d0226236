"""Errors as RFC 9457 problem documents with stable codes and words in both languages."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

WORDS: dict[str, tuple[int, tuple[str, str], tuple[str, str]]] = {
    # code: (status, (zh title, zh action), (en title, en action))
    "ticket.missing": (401, ("尚未登录", "请重新登录"), ("Not signed in", "Sign in again")),
    "ticket.invalid": (401, ("登录凭证无效", "请重新登录"), ("The ticket is not valid", "Sign in again")),
    "ticket.expired": (401, ("登录已过期", "请重新登录"), ("The ticket has expired", "Sign in again")),
    "ticket.revoked": (401, ("登录已被撤销", "请联系管理员或重新登录"), ("The ticket was revoked", "Sign in again or ask the administrator")),
    "right.missing": (403, ("没有此操作的权限", "如需使用请联系管理员"), ("You may not do this", "Ask the administrator for the right")),
    "request.cross_site": (403, ("请求来自其他网站，已拒绝", "请从本系统页面操作"), ("Cross-site request refused", "Work from the hub's own pages")),
    "image.unknown": (404, ("找不到该影像", "请刷新列表后重试"), ("No such image", "Reload the list and try again")),
    "image.away": (503, ("影像所在的存储卷暂不可用", "请稍后重试，若仍出现请联系运维"), ("The volume that holds this image is away", "Try again later; if it persists tell operations")),
    "image.no_room": (503, ("在线磁盘空间不足，暂不能调回该影像", "请稍后重试，并联系运维扩容"), ("Too little room on the online disk to bring this image back", "Try again later, and have operations add space")),
    "route.unknown": (404, ("地址不存在", "请检查地址"), ("No such address", "Check the address")),
    "method.wrong": (405, ("该地址不支持此方法", "请查阅接口说明"), ("Method not allowed here", "See the API description")),
    "request.invalid": (400, ("请求参数有误", "请更正参数后重试"), ("The request has a fault", "Correct it and try again")),
    "store.institution": (409, ("未指明影像所属机构", "请用 ?institution= 指明一个有权限的机构"), ("Whose images are these?", "Name one institution of yours with ?institution=")),
    "store.broken": (400, ("上传的内容有误", "请检查后重新上传未存入的影像"), ("The body has a fault", "Correct it and send again what was not stored")),
    "store.too_large": (413, ("上传的内容过大", "请分批上传"), ("The body is too large", "Send it in several requests")),
    "store.media": (415, ("不支持所上传的格式", '请上传 multipart/related; type="application/dicom"'), ("No such upload format", 'Send multipart/related; type="application/dicom"')),
    "store.silent": (408, ("上传中断", "请检查网络后重新上传"), ("The upload fell silent", "Check the network and send again")),
    "range.beyond": (416, ("请求的范围超出内容", "请更正范围后重试"), ("The range lies beyond the content", "Correct it and try again")),
    "media.unsupported": (406, ("不支持所请求的格式", "请改用所列格式之一"), ("No such representation", "Ask for one of the listed media types")),
    "image.unshowable": (422, ("该对象无法显示为图像", "可下载原始文件查看"), ("This object cannot be shown as an image", "Download the file instead")),
    "quarantine.unknown": (404, ("隔离区中没有该条目", "请刷新状态页"), ("No such entry in quarantine", "Reload the status page")),
    "quarantine.unreadable": (409, ("该文件仍无法读取", "请检查磁盘上的文件，或请设备重新发送"),
                              ("The file still cannot be read", "Check the file on disk, or have the device send it again")),
    "quarantine.decided": (409, ("该条目不是因为无法读取而被隔离", "请与发送机构核对后处理"),
                           ("This entry is not kept out for being unreadable", "Settle it with the institution that sent it")),
    "quarantine.entangled": (409, ("其后到达的影像依赖于它，需要重建索引", "请停止节点后运行 reindex"),
                             ("Later images depend on it: only a rebuild can place it", "Stop the node and run reindex")),
    "server.fault": (500, ("服务内部错误", "请稍后重试，若仍出现请联系运维"), ("Internal fault", "Try again later; if it persists tell operations")),
}  # fmt: skip


RETRY_AFTER = 30  # seconds


class ProblemError(Exception):
    """Ends a request with the problem `code`."""

    def __init__(self, code: str, detail: str = "", **extra: Any) -> None:
        super().__init__(code)
        self.code, self.detail, self.extra = code, detail, extra


def problem_response(request: Request, problem: ProblemError) -> Response:
    """The document of `problem`, in the language the client prefers (zh by default)."""
    status, chinese, english = WORDS[problem.code]
    words = {"zh": {"title": chinese[0], "action": chinese[1]}, "en": {"title": english[0], "action": english[1]}}
    lang = "en" if request.headers.get("accept-language", "zh").lower().startswith("en") else "zh"
    body = {
        "type": f"urn:hub:problem:{problem.code}", "title": words[lang]["title"], "status": status, "code": problem.code,
        "detail": problem.detail or words[lang]["action"], "words": words, **problem.extra,
    }  # fmt: skip
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if status == 503:
        headers["Retry-After"] = str(RETRY_AFTER)
    if status == 416:
        headers["Content-Range"] = f"bytes */{problem.extra['size']}"  # RFC 9110 15.5.17
    return Response(orjson.dumps(body), status, headers, "application/problem+json")
