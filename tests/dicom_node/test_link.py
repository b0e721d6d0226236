"""The link between the node's processes: a question is put at most once, and a process that started anew is found again."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import orjson
import pytest

from dicom_node.query import link

pytestmark = pytest.mark.clause("O-1")


class Listener:
    """The other end, by hand: notes each question, and answers it or dies in the middle of it."""

    def __init__(self, folder: Path, *, answers: int) -> None:
        self.asked: list[int] = []
        self._answers = answers
        path = folder / link.SOCKET_NAME
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                near, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near, near.makefile("rb") as stream:
            while line := stream.readline():
                number = orjson.loads(line)["number"]
                self.asked.append(number)
                if len(self.asked) > self._answers:
                    return  # taken, and gone without an answer
                near.sendall(orjson.dumps({"number": number}) + b"\n")


def test_a_question_that_was_taken_is_never_put_again(tmp_path: Path) -> None:
    listener = Listener(tmp_path, answers=1)
    assert link.ask(tmp_path, {"ask": "x", "number": 1}) == {"number": 1}
    with pytest.raises(link.LinkError):
        link.ask(tmp_path, {"ask": "x", "number": 2})
    assert listener.asked == [1, 2], "a step or a file would be made twice"


SERVER = """
import sys, time
from pathlib import Path
from dicom_node.query import link
link.serve(Path(sys.argv[1]), {"pid": lambda question: {"pid": __import__("os").getpid()}})
print("ready", flush=True)
time.sleep(60)
"""


def test_a_process_that_started_anew_is_found_by_the_next_question(tmp_path: Path) -> None:
    seen = []
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", SERVER, str(tmp_path)], stdout=subprocess.PIPE, env=os.environ)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        seen.append((process.pid, *(link.ask(tmp_path, {"ask": "pid"})["pid"] for _ in range(3))))
        process.kill()
        process.wait(10)
        process.stdout.close()
    assert all(len(set(pids)) == 1 for pids in seen), seen
    with pytest.raises(link.LinkError):
        link.ask(tmp_path, {"ask": "pid"})
