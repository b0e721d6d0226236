"""The command line of a sandbox, the filter of system calls, the pool of uids, and the words when there can be no sandbox."""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from hub_config.lab import seccomp
from hub_config.lab.sandbox import (
    HOME,
    NO_BUBBLEWRAP,
    NO_ENVIRONMENT,
    NO_NAMESPACES,
    OWN,
    Limits,
    Means,
    Sandbox,
    arguments,
    command,
    find_means,
)
from hub_config.lab.uids import PoolEmptyError, UidPool, own_home
from hub_config.settings import ROOT, SettingsError, read_settings

pytestmark = pytest.mark.clause("H-4", "S-7")
ORDINARY = 22990


def sandbox(folder: Path, means: Means = Means.OWN_UIDS) -> Sandbox:
    return Sandbox(
        means=means,
        uid=22000,
        home=folder / "homes" / "u-a",
        folder=folder / "rooms" / "u-a",
        environment=ROOT / ".venv-lab",
        interpreter=Path("/opt/python"),
        own=ROOT / "hub_config",
        shared=((ROOT / "notebooks", "/srv/notebooks"),),
        limits=Limits(memory=1 << 30),
    )


def binds(options: list[str]) -> dict[str, tuple[str, str]]:
    """Place inside → (kind, source)."""
    found = {}
    for place, word in enumerate(options):
        if word in {"--bind", "--ro-bind", "--ro-bind-try"}:
            found[options[place + 2]] = (word, options[place + 1])
    return found


def test_only_the_home_can_be_written_and_nothing_of_the_data_folder_is_bound() -> None:
    data = Path("/srv/data/lab")
    shown = binds(arguments(sandbox(data)))
    assert {place for place, (kind, _) in shown.items() if kind == "--bind"} == {HOME}
    of_data = {source for _, source in shown.values() if source.startswith("/srv/data")}
    room = "/srv/data/lab/rooms/u-a"
    assert of_data == {"/srv/data/lab/homes/u-a", f"{room}/settings", f"{room}/research.sock"} | {
        f"{room}/etc/{name}" for name in ("passwd", "group", "hosts", "nsswitch.conf")
    }
    assert "/etc" not in shown
    assert not {"/", "/root", "/home", "/var", "/run", "/sys"} & set(shown)


def test_every_namespace_is_its_own_and_the_environment_is_made_anew() -> None:
    options = arguments(sandbox(Path("/d")))
    assert {"--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent", "--new-session", "--clearenv"} <= set(
        options
    )
    assert "--share-net" not in options
    assert "--unshare-user" not in options
    assert {"--unshare-user", "--disable-userns"} <= set(arguments(sandbox(Path("/d"), Means.USER_NAMESPACES)))


def test_every_folder_above_a_bind_is_open_to_the_room() -> None:
    options = arguments(sandbox(Path("/d")))
    made = {options[place + 3] for place, word in enumerate(options) if word == "--perms" and options[place + 2] == "--dir"}
    for place in binds(options):
        if not place.startswith("/usr"):
            assert {str(above) for above in Path(place).parents} - {"/"} <= made
    first = {word: options.index(word) for word in made}
    assert all(first[str(Path(path).parent)] < first[path] for path in made if Path(path).parent != Path("/"))


def test_as_root_every_privilege_is_given_up_before_the_first_program_of_the_room() -> None:
    words = command(sandbox(Path("/d")), 7, "{}")
    assert words[0] == "setpriv"
    assert {"--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"} <= set(words)
    assert words[words.index("--reuid") + 1] == words[words.index("--regid") + 1] == "22000"
    assert command(sandbox(Path("/d"), Means.USER_NAMESPACES), 7, "{}")[0].endswith(".venv-lab/bin/python")


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_is_well_formed(machine: str) -> None:
    """Every jump lands inside the program, and every path ends (Linux refuses others); what it does is tested from inside."""
    steps = list(struct.iter_unpack("=HBBI", seccomp.program(machine)))
    assert 50 < len(steps) < 4096
    for place, (code, yes, no, _) in enumerate(steps):
        if code & 7 == 5:
            assert place + 1 + max(yes, no) < len(steps)
    assert steps[-1][0] == 0x06
    assert seccomp.program("riscv64") == b""


def test_uids_are_for_ever_and_run_out_in_words(tmp_path: Path) -> None:
    pool = UidPool(tmp_path / "uids.json", 22000, 22001)
    assert [pool.uid_of("a"), pool.uid_of("b"), pool.uid_of("a")] == [22000, 22001, 22000]
    assert UidPool(tmp_path / "uids.json", 22000, 22001).uid_of("b") == 22001
    with pytest.raises(PoolEmptyError):
        pool.uid_of("c")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_home_of_another_owner_is_taken_over_without_following_links(tmp_path: Path) -> None:
    outside, home = tmp_path / "outside", tmp_path / "home"
    outside.write_text("not his", encoding="utf-8")
    (home / "in").mkdir(parents=True)
    (home / "in" / "link").symlink_to(outside)
    own_home(home, 22000)
    assert (home / "in" / "link").lstat().st_uid == (home / "in").stat().st_uid == home.stat().st_uid == 22000
    assert outside.stat().st_uid == 0


def test_without_bubblewrap_or_environment_the_reason_is_said(tmp_path: Path) -> None:
    assert find_means(tmp_path) == NO_ENVIRONMENT
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "jupyter-lab").touch()
    assert find_means(tmp_path, path=str(tmp_path)) == NO_BUBBLEWRAP
    assert "apt-get install bubblewrap" in NO_BUBBLEWRAP.zh
    assert "bubblewrap" in str(NO_BUBBLEWRAP)


def test_a_machine_that_forbids_namespaces_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bwrap that fails as the real one does where the kernel says no."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "jupyter-lab").touch()
    for name, text in (("bwrap", "#!/bin/sh\necho 'No permissions to create new namespace' >&2\nexit 1\n"), ("setpriv", "#!/bin/sh\n")):
        (tmp_path / "bin" / name).write_text(text, encoding="utf-8")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    assert find_means(tmp_path) == NO_NAMESPACES


def test_the_lab_has_another_host_name_than_the_hub() -> None:
    own = read_settings({})
    assert (own.lab_name, own.public_url, own.lab_url) == ("localhost", "http://127.0.0.1:8000", "http://localhost:8000")
    named = read_settings({"HUB_PUBLIC_NAME": "hub.example", "HUB_LAB_NAME": "Lab.example", "HUB_HOST": "0.0.0.0"})
    assert (named.public_url, named.lab_url) == ("http://hub.example:8000", "http://lab.example:8000")
    assert read_settings({"HUB_HOST": "0.0.0.0"}).lab_name == ""
    assert read_settings({"HUB_PUBLIC_NAME": "hub.example"}).lab_name == ""
    with pytest.raises(SettingsError, match="HUB_LAB_NAME"):
        read_settings({"HUB_PUBLIC_NAME": "hub.example", "HUB_LAB_NAME": "hub.example"})
    with pytest.raises(SettingsError, match="HUB_LAB_UIDS"):
        read_settings({"HUB_LAB_UIDS": "0-10"})


PROBE = """
import json, os, socket
def reach(port):
    try: socket.create_connection(('127.0.0.1', port), 1).close(); return True
    except OSError: return False
print(json.dumps(dict(uid=os.getuid(), there=[p for p in ('/root', '/etc/shadow', SECRET) if os.path.exists(p)], reached=reach(PORT),
    pids=len([p for p in os.listdir('/proc') if p.isdigit()]), home=open('/home/researcher/own.txt').read(),
    root=os.access('/', os.W_OK))))
"""


def test_an_ordinary_user_gets_the_same_room_by_user_namespaces() -> None:
    """The same command line, run by a user without any privilege (where this machine has user namespaces)."""
    if not Path("/usr/bin/python3").exists() or not shutil.which("bwrap"):
        pytest.skip("needs /usr/bin/python3 and bubblewrap")
    uid = ORDINARY if os.geteuid() == 0 else os.geteuid()
    as_user = {"user": uid, "group": uid, "extra_groups": []} if os.geteuid() == 0 else {}
    allowed = subprocess.run(
        ["bwrap", "--unshare-user", "--ro-bind", "/", "/", "true"], check=False, capture_output=True, cwd="/", **as_user
    )
    if allowed.returncode:
        pytest.skip(f"this machine has no user namespaces for ordinary users: {allowed.stderr.decode()}")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as place, socket.create_server(("127.0.0.1", 0)) as server:
        folder = Path(place)
        room = folder / "room"
        for inner in (folder / "home", room / "settings", room / "etc", folder / "own" / "lab", folder / "environment"):
            inner.mkdir(parents=True)
        for name in ("passwd", "group", "hosts", "nsswitch.conf"):
            (room / "etc" / name).touch()
        for name in OWN:
            shutil.copy(ROOT / "hub_config" / name, folder / "own" / name)
        (room / "research.sock").touch()
        (folder / "home" / "own.txt").write_text("own", encoding="utf-8")
        (folder / "secret").write_text("not his", encoding="utf-8")
        for path in (folder, *folder.rglob("*")):
            if as_user:
                os.chown(path, uid, uid)
        made = replace(
            sandbox(folder, Means.USER_NAMESPACES), uid=uid, home=folder / "home", folder=room, own=folder / "own",
            environment=folder / "environment", interpreter=Path("/usr"), shared=(),
        )  # fmt: skip
        code = PROBE.replace("SECRET", repr(str(folder / "secret"))).replace("PORT", str(server.getsockname()[1]))
        done = subprocess.run(
            ["bwrap", *arguments(made), "--", "/usr/bin/python3", "-I", "-c", code],
            check=False, capture_output=True, text=True, timeout=30, cwd="/", **as_user,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
    assert found == {"uid": uid, "there": [], "reached": False, "pids": 2, "home": "own", "root": False}
