"""`python -m hub_config.demo prepare|send`: make the demo's hospitals and users; send its studies. Both may be run again.

prepare  needs a running ris: writes demo-accounts.json and demo-devices.json, makes institutions and accounts
send     needs ris, node and followers: orders, images through the DICOM port, templates, knowledge, two reports; then writes demo-done
"""

from __future__ import annotations

import sys
import time

import httpx

from hub_config.demo.sending import SendingError
from hub_config.demo.staff import RecordsRefusedError
from hub_config.demo.story import Places, prepare, send_all

TRIES = 5
STEPS = {"prepare": prepare, "send": send_all}


def say(line: str) -> None:
    """One line for the person who watches."""
    print(line, flush=True)  # noqa: T201 - this is the program's output


def main(arguments: list[str]) -> int:
    """Run a step; a service that is just restarting is waited for, and the step begun again (nothing is done twice)."""
    if len(arguments) != 1 or arguments[0] not in STEPS:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    places = Places.from_environment()
    for left in range(TRIES - 1, -1, -1):
        try:
            STEPS[arguments[0]](places, say)
        except (httpx.TransportError, SendingError, RecordsRefusedError) as error:
            say(f"演示：{error} / demo: {type(error).__name__}, tries left: {left}")
            if left:
                time.sleep(3)
        else:
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
