"""The broker: its box (``holdfast sim``) as a process, steered through its ``/_sim/``, and what it says of the account in the end."""

import json
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests

from holdfast.errors import Fatal
from holdfast.sim.chassis.tortured import Box, Json, Truth
from holdfast.torture.processes.programs import PATIENCE_S, Program, kill

POLL_S = 0.005

Start = Callable[[Sequence[str], Path], Program]


class Broker:
    """A server on a port of its own, with its state in ``folder``, so that it can be killed as well."""

    def __init__(self, start: Start, folder: Path, seed: int, box: Box, speed: float | None = None) -> None:
        self.box = box
        self.witness = box.witness(self)
        self._start = start
        self._output = folder / "broker.txt"
        self._arguments = box.serve(folder, seed, speed or box.speed)
        self._session = requests.Session()
        self._fired: Counter[str] = Counter()
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._program = self._serve(*box.begin())
        self.pause()

    def _serve(self, *options: str) -> Program:
        program = self._start([*self._arguments, "--port", str(self.port), *options], self._output)
        ends_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends_s and program.ended() is None:
            try:
                self._session.get(f"{self.url}/_sim/status", timeout=PATIENCE_S)
            except requests.ConnectionError:
                time.sleep(POLL_S)
            else:
                return program
        raise Fatal(f"the local broker did not start: {tail(self._output)}")

    # --- steering -----------------------------------------------------------------------------------------------------

    def control(self, what: str, body: Any = None, method: str = "POST") -> Json:
        """Ask its ``/_sim/``. Raises Fatal for a refusal."""
        answer = self._patiently(
            lambda: self._session.request(method, f"{self.url}/_sim/{what}", json=body, timeout=PATIENCE_S)
        )
        if answer.status_code != requests.codes.ok:
            raise Fatal(f"the local broker refuses {body}: {answer.text}")
        found: Json = answer.json()
        return found

    def _patiently(self, ask: Callable[[], requests.Response]) -> requests.Response:
        """Ask again while a restart resets connections."""
        ends_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                return ask()
            except requests.ConnectionError:
                if time.monotonic() > ends_s or self._program.ended() is not None:
                    raise Fatal(f"the local broker is gone: {tail(self._output)}") from None
                time.sleep(POLL_S)

    def pause(self) -> None:
        """Let the market stand."""
        self.control("clock", {"action": "pause"})

    def resume(self) -> None:
        """Let the market go on, unless its day is nearly over."""
        until = self.box.until
        if not until or self.control("status", method="GET")["market_time"] < until:
            self.control("clock", {"action": "resume"})

    def arm(self, faults: Sequence[Mapping[str, Any]]) -> None:
        """Put faults on; those that happen at once have happened when this returns."""
        if faults:
            self.control("faults", list(faults))

    def disarm(self) -> None:
        """Take all faults off, and wait until the server is not "away" any more."""
        self.control("faults", method="DELETE")
        while self.control("status", method="GET")["away"]:
            time.sleep(POLL_S)

    def kill(self) -> None:
        """SIGKILL the server, and start it again on its state: market time goes on where it was, and stands."""
        self.pause()
        self.witness.save()
        self.witness.note()
        self._fired += Counter(self._counts())
        self.witness.forget()
        kill(self._program)
        self._session.close()
        self._program = self._serve()
        self.pause()

    def close(self) -> None:
        """End the server."""
        self._session.close()
        kill(self._program)

    # --- what it knows ------------------------------------------------------------------------------------------------

    @property
    def fired(self) -> Counter[str]:
        """How often each fault has fired, over its restarts."""
        return self._fired + Counter(self._counts())

    def _counts(self) -> dict[str, int]:
        counts: dict[str, int] = self.control("faults", method="GET")["fired"]
        return counts

    def asked_for(self) -> Counter[str]:
        """How often each client order id was asked for, ever. Fast: only the audit is read."""
        try:
            self.witness.note()
        except Fatal:
            return self.witness.requests  # nobody has opened the account yet
        return self.witness.requests

    def truth(self) -> Truth:
        """Its books now."""
        return self.witness.truth()

    def ask(self, method: str, path: str, **arguments: Any) -> Any:
        """Ask what a client may ask; numbers come exactly. Raises Fatal for a refusal."""
        answer = self._patiently(
            lambda: self._session.request(method, f"{self.url}{path}", timeout=PATIENCE_S, **arguments)
        )
        if not answer.ok:
            raise Fatal(f"the local broker refuses {method} {path}: {answer.text}")
        return json.loads(answer.content, parse_float=Decimal)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tail(output: Path) -> str:
    """The last line of what a program has said."""
    try:
        lines = output.read_text(errors="replace").splitlines()
    except OSError:
        return "it has said nothing"
    return lines[-1] if lines else "it has said nothing"
