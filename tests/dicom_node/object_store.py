"""A real S3 server on a free port, in its own process, that can be pulled away and brought back with what it holds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import boto3
import httpx

from tests.worker import take_free_port

KEYS = {"access_key": "test-key", "secret_key": "test-secret"}


class ObjectStore:
    """moto's server; what it holds lives as long as the process, so pulling it away is SIGSTOP."""

    def __init__(self) -> None:
        self.port = take_free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                httpx.get(self.endpoint, timeout=1)
            except httpx.HTTPError:
                time.sleep(0.1)
            else:
                break
        self.client = boto3.client(
            "s3", endpoint_url=self.endpoint, region_name="us-east-1",
            aws_access_key_id=KEYS["access_key"], aws_secret_access_key=KEYS["secret_key"],
        )  # fmt: skip
        self.client.create_bucket(Bucket="images")

    def url(self, prefix: str = "hub") -> str:
        return f"s3://images/{prefix}?endpoint={self.endpoint}"

    def names(self) -> list[str]:
        """Names of all objects."""
        return [entry["Key"] for entry in self.client.list_objects_v2(Bucket="images").get("Contents", [])]

    def body(self, key: str) -> bytes:
        return self.client.get_object(Bucket="images", Key=key)["Body"].read()

    def overwrite(self, key: str, body: bytes) -> None:
        self.client.put_object(Bucket="images", Key=key, Body=body)

    def away(self) -> None:
        """Nobody answers any more: connections are refused or hang."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def back(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def close(self) -> None:
        self.back()
        self.process.terminate()
        self.process.wait(20)
