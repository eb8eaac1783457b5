"""The way to a Ray cluster: joined, and its head asked every second what machines there are.

A head that has gone must be noticed here, since Ray itself waits for a minute and then ends the
process. So the question is asked in a thread of its own, where nobody waits for the answer.
"""

import logging
import os
import signal
import socket
import threading
import time
from typing import Any

from jaxmeta.record.error import JournalError

PATIENCE = 1.0  # seconds between two looks at what the cluster has
SILENCE = 20.0  # seconds without an answer, after which the head is taken to have gone


class Lookout:
    """Looks at what machines the cluster of `ray`, which is joined, has; from now until `leave`."""

    def __init__(self, ray: Any) -> None:
        self._ray, self._address = ray, ray.get_runtime_context().gcs_address
        self._machines = self._look()
        self._asked: float | None = None  # when, of a question that is not answered yet
        self._leaving = threading.Event()
        threading.Thread(target=self._keep_looking, daemon=True).start()

    @property
    def gone(self) -> bool:
        asked = self._asked
        return asked is not None and time.monotonic() - asked > SILENCE

    def machines(self) -> list[dict[str, float]]:
        """What each machine has: "CPU", "GPU" and more, by name.

        Raises:
          JournalError: the head has gone.
        """
        if self.gone:
            raise JournalError(
                f"the head of the Ray cluster at {self._address} must answer, and has not for "
                f"{SILENCE:.0f} seconds; the journal has all that was decided: start a head, then "
                "resume with its address, --engine ray=HOST:PORT"
            )
        return self._machines

    def leave(self) -> None:
        self._leaving.set()

    def _keep_looking(self) -> None:
        while not self._leaving.wait(PATIENCE):
            self._asked = self._asked or time.monotonic()
            try:
                self._machines = self._look()
            except Exception:  # noqa: BLE001 whatever it is, it is no answer
                continue
            self._asked = None

    def _look(self) -> list[dict[str, float]]:
        return [node["Resources"] for node in self._ray.nodes() if node["Alive"]]


def joined(address: str) -> tuple[Any, bool]:
    """Ray, joined to the cluster at `address`; "": to that of RAY_ADDRESS, else to a new one. And
    whether it was joined here, and is to be left at the end."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise ValueError(
            "--engine ray needs the package ray, which is not installed; pip install 'jaxmeta[ray]'"
        ) from error
    was_there = ray.is_initialized()
    if not was_there:
        on_sigterm = signal.getsignal(signal.SIGTERM)
        named = address or os.environ.get("RAY_ADDRESS", "")
        options: dict[str, Any] = {} if named else {"include_dashboard": False}
        try:
            _answers(named)
            ray.init(
                address=named or None,
                log_to_driver=False,
                logging_level=logging.ERROR,
                **options,
            )
        except (OSError, ValueError, RuntimeError) as error:
            if "AuthToken" in f"{error} {error.__cause__}":
                raise ValueError(
                    f"the Ray cluster at {named} must be shown the token that it was started with, "
                    "and was not; set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to its file "
                    "where that is not ~/.ray/auth_token"
                ) from error
            raise ValueError(
                f"a Ray cluster must answer at {named or 'this machine'}, and does not ({error}); "
                "start one: ray start --head"
            ) from error
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_sigterm)  # Ray has put its own in its place
    return ray, not was_there


def _answers(address: str) -> None:
    """Raise where nobody listens at "host:port": Ray itself would wait for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()
