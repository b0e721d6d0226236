"""What one researcher's sandbox is: the command line of bubblewrap for it, and whether this machine can make one at all.

Two forms. As root the sandbox runs under an unprivileged uid of its own (`uids`), dropped to inside; as an ordinary user it is made with
user namespaces and runs under that user's uid. Where neither works no sandbox is made, and so no JupyterLab runs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

HOME = "/home/researcher"
PLACE = "/srv/lab"
"""Folder inside with what the sandbox itself needs, read-only."""
EXAMPLES = "/srv/notebooks"
OWN = ("lab/inside.py", "lab/quick.py", "lab/jupyter_server_config.py", "iri.py")
"""Files of `hub_config` that are in `PLACE`."""
SOCKET = "/run/room/research.sock"
SERVER_PORT = 8888
RESEARCH_PORT = 8070
"""Ports on 127.0.0.1 of the sandbox's own network namespace; nobody outside can reach them."""
RESEARCH_URL = f"http://127.0.0.1:{RESEARCH_PORT}/services/research"
"""`HUB_RESEARCH` inside."""

_SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_CONFIGURATION = ("alternatives", "ld.so.cache", "fonts", "localtime", "bash.bashrc", "profile", "inputrc", "mime.types", "magic")
"""Of /etc; all else of it (keys, accounts, hosts, mail) stays outside."""
_GIB = 1 << 30


class Means(Enum):
    """How a sandbox can be made here."""

    OWN_UIDS = "own uids"
    USER_NAMESPACES = "user namespaces"


@dataclass(frozen=True)
class Limits:
    """What one room may use."""

    memory: int = 4 * _GIB
    """Bytes; enforced for each process by RLIMIT_DATA, for all of them together by the watch."""
    home: int = 20 * _GIB
    """Bytes in the home; beyond it nothing more can be written (the watch)."""
    processes: int = 512
    """Processes and threads of the room together (RLIMIT_NPROC)."""
    files: int = 4096
    """Open files of one process."""
    threads: int = 2
    """What numerical libraries take; the room runs with nice 10, so that the services go first."""

    @property
    def scratch(self) -> int:
        """Bytes that /tmp and /dev/shm (memory, both) may hold, each."""
        return self.memory // 4


@dataclass(frozen=True)
class Sandbox:
    """One sandbox; all paths are of the outside."""

    means: Means
    uid: int
    """Whose the room's processes and home are: one of the pool, or our own with user namespaces."""
    home: Path
    folder: Path
    """Of this room: `etc/`, `settings/`, `research.sock`. Its other files (sockets, logs) are not shown inside."""
    environment: Path
    """The virtual environment of the Lab."""
    interpreter: Path
    """Base prefix of its Python."""
    own: Path
    """Folder of `OWN`."""
    shared: tuple[tuple[Path, str], ...] = ()
    """(folder, place inside) of what every researcher may read."""
    limits: Limits = Limits()
    timezone: str = "Asia/Shanghai"

    def variables(self) -> dict[str, str]:
        """The whole environment inside; nothing comes from ours."""
        threads = str(self.limits.threads)
        return {
            "HOME": HOME,
            "USER": "researcher",
            "LOGNAME": "researcher",
            "SHELL": "/bin/bash",
            "PATH": f"{self.environment}/bin:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TZ": self.timezone,
            "TMPDIR": "/tmp",  # noqa: S108 - a tmpfs of the sandbox's own
            "PYTHONPATH": f"{PLACE}/python",
            "HUB_RESEARCH": RESEARCH_URL,
            "HUB_DIST": f"{PLACE}/dist",
            "JUPYTER_PREFER_ENV_PATH": "1",
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": threads,
            "MALLOC_ARENA_MAX": "2",
        }


def parents(paths: list[str]) -> list[str]:
    """Every folder above these places but `/`, the upper ones first: bubblewrap would make them closed to all but root."""
    found = {str(above) for path in paths for above in Path(path).parents if str(above) != "/"}
    return sorted(found, key=lambda path: (path.count("/"), path))


def arguments(sandbox: Sandbox) -> list[str]:
    """Options of bubblewrap for this sandbox, without its name, the filter and the command (they go through `--args`)."""
    options = ["--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    options += ["--hostname", "lab", "--die-with-parent", "--new-session", "--clearenv"]
    if sandbox.means is Means.USER_NAMESPACES:
        options += ["--unshare-user", "--disable-userns"]
    else:
        # for setpriv, which gives them up
        options += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"]
    for name, value in sandbox.variables().items():
        options += ["--setenv", name, value]
    binds: list[tuple[str, str, str]] = [("--ro-bind", str(path), str(path)) for path in (sandbox.interpreter, sandbox.environment)]
    binds += [("--ro-bind", str(path), place) for path, place in sandbox.shared]
    binds += [("--ro-bind", str(sandbox.own / name), f"{PLACE}/{Path(name).name}") for name in OWN]
    binds += [("--ro-bind", str(sandbox.folder / "settings"), f"{PLACE}/settings")]
    binds += [("--ro-bind", str(sandbox.folder / "research.sock"), SOCKET)]
    binds += [("--ro-bind", str(sandbox.folder / "etc" / name), f"/etc/{name}") for name in ("passwd", "group", "hosts", "nsswitch.conf")]
    binds += [("--ro-bind-try", f"/etc/{name}", f"/etc/{name}") for name in _CONFIGURATION]
    binds += [("--bind", str(sandbox.home), HOME)]
    options += ["--ro-bind", "/usr", "/usr"]
    binds = [bind for bind in binds if not Path(bind[2]).is_relative_to("/usr")]
    for name in _SYSTEM:
        if Path("/", name).is_symlink():
            options += ["--symlink", str(Path("/", name).readlink()), f"/{name}"]
        elif Path("/", name).is_dir():
            options += ["--ro-bind", f"/{name}", f"/{name}"]
    scratch = str(sandbox.limits.scratch)
    options += ["--proc", "/proc", "--dev", "/dev", "--size", scratch, "--perms", "1777", "--tmpfs", "/dev/shm"]  # noqa: S108
    options += ["--size", scratch, "--perms", "1777", "--tmpfs", "/tmp"]  # noqa: S108
    for folder in parents([bind[2] for bind in binds]):
        options += ["--perms", "0755", "--dir", folder]
    for bind in binds:
        options += bind
    return [*options, "--remount-ro", "/", "--chdir", "/"]


def command(sandbox: Sandbox, door: int, wanted: str) -> list[str]:
    """What runs inside: `inside.py` under the room's own uid, without any capability. `door` is the inherited listening socket."""
    python = [str(sandbox.environment / "bin" / "python"), "-I", f"{PLACE}/inside.py", str(door), wanted]
    if sandbox.means is Means.USER_NAMESPACES:
        return python
    uid = str(sandbox.uid)
    drop = ["--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    return ["setpriv", "--reuid", uid, "--regid", uid, *drop, *python]


@dataclass(frozen=True)
class Refusal:
    """Why no sandbox can be made on this machine, in words."""

    zh: str
    en: str

    def __str__(self) -> str:
        """Both languages, for a log."""
        return f"{self.zh} / {self.en}"


NO_BUBBLEWRAP = Refusal(
    "本机未安装 bubblewrap，科研 JupyterLab 不启动。请安装：apt-get install bubblewrap",
    "bubblewrap is not installed, so the researchers' JupyterLab does not start. Install it: apt-get install bubblewrap",
)
NO_NAMESPACES = Refusal(
    "本机不允许建立隔离环境（既非 root，也不允许用户命名空间），科研 JupyterLab 不启动。请以 root 运行，或设置 sysctl user.max_user_namespaces",
    "This machine lets us make no sandbox (neither root nor user namespaces), so the researchers' JupyterLab does not start. "
    "Run the hub as root, or allow user namespaces (sysctl user.max_user_namespaces)",
)
NO_ENVIRONMENT = Refusal(
    "科研环境未安装，科研 JupyterLab 不启动。请运行 make setup",
    "The researchers' environment is not installed, so their JupyterLab does not start. Run make setup",
)
NO_NAME = Refusal(
    "未设置科研主机名，科研 JupyterLab 不启动。请设置 HUB_PUBLIC_NAME 和与之不同的 HUB_LAB_NAME",
    "The Lab has no host name of its own, so the researchers' JupyterLab does not start. Set HUB_PUBLIC_NAME and another HUB_LAB_NAME",
)


def find_means(environment: Path, *, path: str | None = None) -> Means | Refusal:
    """How sandboxes can be made here, tried with an empty one; else the reason why not. `path` is where to look for programs."""
    if not (environment / "bin" / "jupyter-lab").is_file():
        return NO_ENVIRONMENT
    if not shutil.which("bwrap", path=path) or not shutil.which("setpriv", path=path):
        return NO_BUBBLEWRAP
    means = Means.OWN_UIDS if os.geteuid() == 0 else Means.USER_NAMESPACES
    user = ["--unshare-user", "--disable-userns"] if means is Means.USER_NAMESPACES else []
    trial = ["bwrap", *user, "--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--ro-bind", "/", "/", "--proc", "/proc"]
    try:
        done = subprocess.run([*trial, "true"], capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return NO_NAMESPACES
    return means if done.returncode == 0 else NO_NAMESPACES
