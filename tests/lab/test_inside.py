"""Attacks from inside a real room: code of a researcher, run in a kernel of his own JupyterLab, against everything that is not his."""

from __future__ import annotations

import json
import socket
import time

import psutil
import pytest

from hub_config.lab.sandbox import HOME, RESEARCH_URL, Means
from tests.lab.workbench import Workbench
from tests.running_hub import RunningHub, processes_of, wait_until

pytestmark = pytest.mark.clause("H-4", "S-7", "S-9")


def listening_ports(hub: RunningHub) -> set[int]:
    """Every TCP port that any process of this hub listens on."""
    ports = set()
    for process in processes_of(hub.data_dir):
        try:
            ports |= {one.laddr.port for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN}
        except psutil.Error:
            continue
    return ports


def test_no_file_of_the_hub_or_of_others_is_there(hub: RunningHub, bench: Workbench, second: Workbench) -> None:
    (hub.data_dir / "lab" / "homes" / f"u-{second.username}" / "private.txt").write_text("of the second", encoding="utf-8")
    here = [str(hub.data_dir), str(hub.data_dir / "secrets" / "ticket-private.pem"), str(hub.data_dir / "node")]
    here += [str(hub.data_dir / "ris" / "records.sqlite"), str(hub.data_dir / "lab" / "homes"), "/etc/shadow", "/root/.ssh", "/var", "/sys"]
    here += ["/run/room/door.sock", str(hub.data_dir / "run" / "zygote.sock")]
    found = bench.ask(f"""
import os
there = [path for path in {here!r} if os.path.lexists(path)]
files, sockets, writable = [], [], []
for top, folders, names in os.walk('/'):
    if top.startswith(('/proc', '/usr', '/dev/fd')) or '/site-packages' in top:
        folders.clear(); continue
    if os.access(top, os.W_OK): writable.append(top)
    for name in names:
        path = os.path.join(top, name)
        if name in ('private.txt', 'records.sqlite', 'ticket-private.pem', 'demo-accounts.json'): files.append(path)
        try:
            if os.stat(path, follow_symlinks=False).st_mode & 0o170000 == 0o140000: sockets.append(path)
        except OSError: pass
found = dict(there=there, files=files, sockets=sockets, homes=os.listdir('/home'),
    writable=sorted({{p for p in writable if not p.startswith(('/home/researcher', '/tmp'))}}))
""")
    assert found["there"] == []
    assert found["files"] == []
    assert [path for path in found["sockets"] if not path.startswith((HOME, "/tmp"))] == ["/run/room/research.sock"]
    assert found["homes"] == ["researcher"]
    assert found["writable"] == ["/dev/shm"]


def test_other_processes_are_not_seen_and_the_own_ones_hold_no_secret(hub: RunningHub, bench: Workbench, means: Means) -> None:
    found = bench.ask("""
import os
processes, closed = {}, 0
for pid in filter(str.isdigit, os.listdir('/proc')):
    try:
        processes[pid] = open(f'/proc/{pid}/cmdline').read()
        environment = open(f'/proc/{pid}/environ').read()
        processes[pid] += environment
    except PermissionError: closed += 1
try:
    os.kill(1, 9); killed = True
except PermissionError: killed = False
status = dict(line.split(':', 1) for line in open('/proc/self/status').read().splitlines())
found = dict(processes=processes, closed=closed, killed=killed, environment=dict(os.environ), uid=os.getuid(), groups=os.getgroups(),
    status={key: status[key].strip() for key in ('CapEff', 'CapPrm', 'CapBnd', 'NoNewPrivs', 'Seccomp')})
""")
    everything = json.dumps(found["processes"]) + json.dumps(found["environment"])
    assert len(found["processes"]) < 12
    assert str(hub.data_dir) not in everything
    secrets = [path.read_text(encoding="utf-8").strip() for path in (hub.data_dir / "secrets").iterdir() if "json" not in path.name]
    assert not [secret for secret in secrets if secret and secret in everything]
    assert "eyJ" not in everything, "a ticket (JWT) is inside"
    assert not [name for name in found["environment"] if "TOKEN" in name or name.startswith(("JUPYTERHUB", "RIS", "FRONT", "LAB_"))]
    assert found["environment"]["HUB_RESEARCH"] == RESEARCH_URL
    assert found["status"]["NoNewPrivs"] == "1"
    assert found["status"]["Seccomp"] == "2"
    assert int(found["status"]["CapEff"], 16) == int(found["status"]["CapPrm"], 16) == 0
    if means is Means.OWN_UIDS:
        assert not found["killed"]
        assert int(found["status"]["CapBnd"], 16) == 0
        assert 22000 <= found["uid"] <= 22999
        assert set(found["groups"]) <= {found["uid"]}


def test_two_researchers_have_different_uids(hub: RunningHub, bench: Workbench, second: Workbench, means: Means) -> None:
    if means is not Means.OWN_UIDS:
        pytest.skip("as an ordinary user all rooms run under its own uid; they are apart by their namespaces")
    homes = [(hub.data_dir / "lab" / "homes" / f"u-{one.username}").stat() for one in (bench, second)]
    assert homes[0].st_uid != homes[1].st_uid
    assert {home.st_mode & 0o777 for home in homes} == {0o700}


def test_no_port_of_the_hub_answers_and_there_is_no_way_out(hub: RunningHub, bench: Workbench) -> None:
    ports = listening_ports(hub)
    assert {hub.port, hub.dicom_port} <= ports
    assert len(ports) > 10, "the services of the hub"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing; tells our own address
        address = probe.getsockname()[0]
    found = bench.ask(f"""
import socket
found = []
for host in ('127.0.0.1', '::1', {address!r}, '192.0.2.1', '169.254.169.254'):
    for port in {sorted(ports)!r}:
        with socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET) as probe:
            probe.settimeout(0.5)
            try:
                probe.connect((host, port)); found.append((host, port))
            except OSError: pass
interfaces = [name for _, name in socket.if_nameindex()]
found = dict(reached=found, interfaces=interfaces, names=[])
try: found['names'] = socket.getaddrinfo('example.org', 80)
except OSError: pass
""")
    assert found == {"reached": [], "interfaces": ["lo"], "names": []}


def test_system_calls_that_reach_past_namespaces_are_refused(bench: Workbench) -> None:
    found = bench.ask("""
import ctypes, errno, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def refused(call):
    ctypes.set_errno(0)
    return errno.errorcode.get(ctypes.get_errno()) if call() == -1 else 'done'
found = dict(
    unshare=refused(lambda: libc.unshare(0x10000000)), setns=refused(lambda: libc.setns(0, 0)),
    mount=refused(lambda: libc.mount(b'none', b'/tmp', b'tmpfs', 0, None)), chroot=refused(lambda: libc.chroot(b'/tmp')),
    ptrace=refused(lambda: libc.ptrace(16, 1, 0, 0)), setuid=refused(lambda: libc.setuid(0)),
    memory_file=refused(lambda: libc.memfd_create(b'x', 0)))
families = {}
for name, family, kind, protocol in (('vsock', 40, 1, 0), ('packet', 17, 3, 0), ('alg', 38, 5, 0), ('inet raw', 2, 3, 1)):
    try: socket.socket(family, kind, protocol).close(); families[name] = 'open'
    except OSError as fault: families[name] = errno.errorcode[fault.errno]
found['families'] = families
import multiprocessing, threading, subprocess
thread = threading.Thread(target=lambda: found.__setitem__('thread', 'ran')); thread.start(); thread.join()
found['program'] = subprocess.run(['true']).returncode
""")
    assert {name: found[name] for name in ("unshare", "setns", "mount", "chroot", "ptrace", "setuid")} == dict.fromkeys(
        ("unshare", "setns", "mount", "chroot", "ptrace", "setuid"), "EPERM"
    )
    assert found["memory_file"] == "ENOSYS"
    assert found["families"] == {"vsock": "EAFNOSUPPORT", "packet": "EAFNOSUPPORT", "alg": "EAFNOSUPPORT", "inet raw": "EPERM"}
    assert (found["thread"], found["program"]) == ("ran", 0), "what notebooks need still works"


def test_the_packages_of_the_lab_work_inside(bench: Workbench) -> None:
    found = bench.ask("""
import duckdb, httpx, ipywidgets, anywidget, numpy, pandas, plotly, pyarrow, pydicom, scipy, SimpleITK, sklearn
from PIL import Image
frame = pandas.DataFrame({'a': range(1000)})
image = SimpleITK.GetImageFromArray(numpy.arange(27.0).reshape(3, 3, 3))
found = dict(total=int(duckdb.sql('select sum(a) from frame').fetchall()[0][0]), size=list(image.GetSize()), versions=[pandas.__version__[0], duckdb.__version__[0]])
try:
    import torch
    found['torch'] = True
except ImportError: pass
""")
    assert found == {"total": 499500, "size": [3, 3, 3], "versions": ["3", "2"]}


def test_the_research_service_is_the_one_way_out(bench: Workbench) -> None:
    found = bench.ask("""
import os, httpx
base = os.environ['HUB_RESEARCH']
found = {}
for path in ('/api/v1/projects', '/../ris/api/v1/me', '/%2e%2e/ris/api/v1/me', '//ris/api/v1/me', '/..%2fris', '/../../hub/api/users'):
    with httpx.Client() as client:
        request = client.build_request('GET', base + '/x')
        request.url = request.url.copy_with(raw_path=(b'/services/research' + path.encode()))
        found[path] = client.send(request).status_code
found['elsewhere'] = httpx.get(base.replace('/services/research', '/services/ris/api/v1/me')).status_code
found['hub'] = httpx.get(base.replace('/services/research', '/hub/api')).status_code
""")
    assert found.pop("/api/v1/projects") in {200, 503}, "answered by the service, or in words that it does not run"
    assert set(found.values()) == {404}, found


def test_a_fork_bomb_stays_inside(hub: RunningHub, bench: Workbench) -> None:
    found = bench.ask("""
import os, signal, time
children, refused = [], ''
for _ in range(3000):
    try: pid = os.fork()
    except OSError as fault: refused = type(fault).__name__; break
    if pid == 0:
        time.sleep(60); os._exit(0)
    children.append(pid)
for pid in children: os.kill(pid, signal.SIGKILL); os.waitpid(pid, 0)
found = dict(started=len(children), refused=refused)
""")
    assert found["refused"] == "BlockingIOError"
    assert found["started"] < 120
    assert hub.is_well("/services/ris/healthz")


def test_one_process_cannot_have_more_than_the_memory_of_the_room(bench: Workbench) -> None:
    found = bench.ask("""
import numpy
try: numpy.ones(200_000_000); found = 'got it'
except MemoryError: found = 'MemoryError'
""")
    assert found == "MemoryError"


def test_processes_together_cannot_either(hub: RunningHub, bench: Workbench) -> None:
    found = bench.ask(
        """
import os, signal, time
children = []
for _ in range(4):  # 4 × 400 MB, each less than the room may have
    pid = os.fork()
    if pid == 0:
        block = bytearray(400 << 20)
        for place in range(0, len(block), 4096): block[place] = 1
        time.sleep(60); os._exit(0)
    children.append(pid)
ended, until = [], time.monotonic() + 25
while len(ended) < 2 and time.monotonic() < until:
    for pid in list(children):
        gone, status = os.waitpid(pid, os.WNOHANG)
        if gone: ended.append(os.WTERMSIG(status)); children.remove(pid)
    time.sleep(.1)
for pid in children:
    try: os.kill(pid, signal.SIGKILL); os.waitpid(pid, 0)
    except OSError: pass
found = ended
""",
        90,
    )
    assert found[:2] == [9, 9], "the largest were ended from outside"
    assert hub.is_well("/services/ris/healthz")


def test_scratch_space_is_bounded(bench: Workbench) -> None:
    found = bench.ask("""
import os
found = {}
for folder in ('/tmp', '/dev/shm'):
    try:
        for part in range(6):
            with open(f'{folder}/fill{part}', 'wb') as file:
                for _ in range(80): file.write(bytes(1 << 20))
        found[folder] = 'filled'
    except OSError as fault: found[folder] = fault.errno
    for part in range(6):
        if os.path.exists(f'{folder}/fill{part}'): os.unlink(f'{folder}/fill{part}')
""")
    assert found == {"/tmp": 28, "/dev/shm": 28}  # ENOSPC


def test_a_full_home_takes_nothing_more_and_recovers(hub: RunningHub, bench: Workbench) -> None:
    found = bench.ask("""
import os
try:
    with open('big', 'wb') as file:
        for _ in range(200): file.write(bytes(1 << 20))
    found = 'written'
except OSError as fault: found = fault.errno
os.unlink('big')
for part in range(6):  # many files, each allowed
    with open(f'part{part}', 'wb') as file: file.write(os.urandom(20 << 20))
""")
    assert found == 27, "EFBIG: one file larger than the home"
    try_to_write = """
try:
    with open('more', 'wb') as file: file.write(bytes(1000))
    found = 'written'
except OSError as fault: found = fault.errno
"""
    wait_until("the home is full", lambda: bench.ask(try_to_write) == 27, 20, 0.5)
    bench.run("import os\nfor part in range(6): os.unlink(f'part{part}')")
    wait_until("the home has place again", lambda: bench.ask(try_to_write) == "written", 20, 0.5)


def test_what_is_written_stays_over_a_restart_and_the_hub_hears_of_an_end_at_once(hub: RunningHub, second: Workbench) -> None:
    second.start_kernel()
    second.run("open('kept.txt', 'w').write('kept')")
    began = time.monotonic()
    with pytest.raises(Exception):  # noqa: B017 - the connection ends in the middle
        second.run(
            """
import os, signal
for pid in filter(str.isdigit, os.listdir('/proc')):
    words = open(f'/proc/{pid}/cmdline', 'rb').read().split(bytes(1))
    if b'/srv/lab/inside.py' in words and os.stat(f'/proc/{pid}').st_uid == os.getuid(): os.kill(int(pid), signal.SIGKILL)
""",
            15,
        )
    wait_until("the door knows", lambda: second.lab.get(second.base + "api").status_code in {302, 403}, 5)
    assert time.monotonic() - began < 10
    again = Workbench(hub, second.username, "Second-researcher-7")
    with again:
        assert again.start_kernel().ask("found = open('kept.txt').read()") == "kept"
