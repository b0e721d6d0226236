"""Every text of the Hub's own pages, in Chinese and English."""

from __future__ import annotations

from typing import Literal

Language = Literal["zh", "en"]

WORDS: dict[str, tuple[str, str]] = {
    "product": ("儿童影像远程诊断中心", "Children's Remote Imaging Centre"),
    "tagline": ("影像 · 诊断 · 会诊", "Images · Reports · Second opinions"),
    "login.title": ("登录", "Sign in"),
    "login.name": ("用户名", "User name"),
    "login.password": ("密码", "Password"),
    "login.show": ("显示", "Show"),
    "login.hide": ("隐藏", "Hide"),
    "login.button": ("登录", "Sign in"),
    "login.busy": ("正在登录…", "Signing in…"),
    "login.caps": ("大写锁定已打开", "Caps lock is on"),
    "login.help": ("忘记密码或账号被锁定，请联系本单位管理员。", "Forgotten password or locked account: ask your administrator."),
    "login.out": ("您已安全退出。", "You are signed out."),
    "login.out_late": (
        "您已退出。记录服务暂时不可用，其他已打开的页面将在 15 分钟内失效。",
        "You are signed out. The records service is not reachable; other open pages end within 15 minutes.",
    ),
    "login.wrong": ("用户名或密码不正确，请重新输入。", "User name or password is not right. Please enter them again."),
    "login.empty": ("请输入用户名和密码。", "Please enter user name and password."),
    "login.too_long": ("用户名或密码过长，请检查后重新输入。", "User name or password is too long. Please check and enter them again."),
    "login.locked": (
        "密码错误次数过多，账号已临时锁定，请 {minutes} 分钟后再试，或联系管理员。",
        "Too many wrong passwords: the account is locked. Try again in {minutes} min, or ask your administrator.",
    ),
    "login.disabled": ("此账号已停用，请联系管理员。", "This account is disabled. Please ask your administrator."),
    "login.unreachable": (
        "记录服务正在启动或暂时不可用，请稍后再试。",
        "The records service is starting or not reachable. Please try again shortly.",
    ),
    "login.expired": ("登录页面已过期，请再试一次。", "The sign-in page has expired. Please try once more."),
    "language.other": ("English", "中文"),
    "logout.title": ("退出登录", "Sign out"),
    "logout.question": ("确定要退出登录吗？", "Do you want to sign out?"),
    "logout.yes": ("退出", "Sign out"),
    "back": ("返回工作台", "Back to your desk"),
    "token.title": ("脚本访问令牌", "Tokens for scripts"),
    "token.about": (
        "脚本凭令牌换取一小时的访问票据，权限不超过您本人。令牌只显示一次，请妥善保存，不再使用时请撤销。",
        "A token buys a script a ticket of one hour with at most your own rights. It is shown once; revoke it when no longer used.",
    ),
    "token.note": ("用途", "Used for"),
    "token.days": ("有效期", "Valid for"),
    "token.day": ("{days} 天", "{days} days"),
    "token.make": ("生成令牌", "Make a token"),
    "token.made": ("新令牌（请立即复制）", "New token (copy it now)"),
    "token.none": ("还没有令牌。", "No tokens yet."),
    "token.created": ("生成时间", "Made"),
    "token.used": ("最近使用", "Last used"),
    "token.expires": ("到期时间", "Expires"),
    "token.revoke": ("撤销", "Revoke"),
    "token.failed": ("操作未成功，请刷新页面后再试。", "That did not work. Reload the page and try again."),
    "lab.title": ("科研工作台", "Research workbench"),
    "lab.starting": ("正在准备您的科研工作台，约需几秒…", "Preparing your research workbench, a few seconds…"),
    "lab.about": (
        "工作台在隔离环境中运行，不连接网络；数据只来自已批准课题的去标识数据。",
        "The workbench runs in a sandbox without network; its data come from approved projects only, de-identified.",
    ),
    "lab.again": ("重试", "Try again"),
    "lab.full": (
        "同时打开的科研工作台已达上限，请稍后再试，或联系运维人员。",
        "As many workbenches as this hub allows are open. Try again later, or ask the operator.",
    ),
    "lab.no_uid": (
        "科研账号数量已超过为其预留的系统用户数，请联系运维人员（设置 HUB_LAB_UIDS）。",
        "There are more researchers than system users set aside for them. Ask the operator (setting HUB_LAB_UIDS).",
    ),
    "lab.slow": (
        "工作台未能在两分钟内启动，请稍后重试；如仍不成功，请联系运维人员。",
        "The workbench did not start within two minutes. Try again shortly; ask the operator if it keeps happening.",
    ),
    "lab.ended": (
        "工作台启动后随即结束。请重试；如仍不成功，请联系运维人员查看日志。",
        "The workbench ended as soon as it had started. Try again; if it keeps happening ask the operator to look at the log.",
    ),
    "lab.away": (
        "科研工作台服务正在启动或暂时不可用，请稍后重试。",
        "The workbench service is starting or not reachable. Please try again shortly.",
    ),
    "lab.failed": (
        "工作台未能启动，请重试；如仍不成功，请联系运维人员。",
        "The workbench did not start. Try again; ask the operator if it keeps happening.",
    ),
    "lab.only_here": ("请从系统页面打开科研工作台。", "Open the workbench from the hub's own page."),
    "never": ("从未", "never"),
    "continue": ("继续", "Continue"),
    "opening": ("正在打开…", "Opening…"),
}


def choose_language(chosen: str | None, accept: str) -> Language:
    """The language of a page: an explicit choice, else the browser's first known language, else Chinese."""
    if chosen in {"zh", "en"}:
        return "zh" if chosen == "zh" else "en"
    for part in accept.split(","):
        name = part.split(";")[0].strip().lower()
        if name.startswith("zh"):
            return "zh"
        if name.startswith("en"):
            return "en"
    return "zh"


def word(key: str, language: Language, **values: object) -> str:
    """One text; `values` fill its braces."""
    return WORDS[key][0 if language == "zh" else 1].format(**values)
