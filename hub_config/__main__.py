"""`python -m hub_config run`: the whole hub in one process tree.

Two processes hold it. The outer one keeps the lock of the data folder and waits; the inner one supervises. Whichever of them is killed,
the other ends all that is left: the outer one inherits every orphan (child subreaper) and kills it, the inner one gets SIGTERM at the
outer one's death. So nothing of the hub ever runs without its tree.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys

from hub_config.places import AlreadyRunningError, check_public_ports, prepare_folders, take_lock
from hub_config.process import become_subreaper, die_with_parent, end_orphans
from hub_config.settings import SettingsError, read_settings

USAGE = "用法 / usage: python -m hub_config run"


def _run() -> int:
    settings = read_settings()
    prepare_folders(settings.data_dir)
    try:
        lock = take_lock(settings.data_dir)
    except AlreadyRunningError as holder:
        raise SettingsError(
            f"{settings.data_dir} 已有一个系统在运行（进程 {holder}），未做任何改动；请先停止它或另设 DATA_DIR"
            f" / a hub already runs on {settings.data_dir} (process {holder}); nothing was changed: stop it first, or set another DATA_DIR"
        ) from holder
    check_public_ports(settings)
    become_subreaper()
    outer = os.getpid()
    sys.stdout.flush()
    inner = os.fork()
    if inner == 0:
        die_with_parent(outer, signal.SIGTERM)
        from hub_config.tree import run_tree

        code = 1
        try:
            code = run_tree(settings)
        except SettingsError as fault:
            print(fault, file=sys.stderr)  # noqa: T201
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
            os._exit(code)

    def pass_on(number: int, frame: object) -> None:
        del frame
        with contextlib.suppress(ProcessLookupError):
            os.kill(inner, number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, pass_on)
    _, status = os.waitpid(inner, 0)
    end_orphans()
    lock.close()
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def main() -> int:
    """Run; every expected fault is one line for the reader, not a stack trace."""
    if sys.argv[1:] != ["run"]:
        print(USAGE, file=sys.stderr)  # noqa: T201
        return 2
    try:
        return _run()
    except SettingsError as fault:
        print(fault, file=sys.stderr)  # noqa: T201
        return 1


if __name__ == "__main__":
    sys.exit(main())
