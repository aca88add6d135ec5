"""The harness bites: what it compares is really compared, and what it does to connections really happens."""

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from holdfast.sim.chassis.tortured import Execution, TheirOrder, Truth
from holdfast.torture.processes.books import compare, never_released
from holdfast.torture.processes.programs import Spawner, kill
from holdfast.torture.processes.proxy import Cut, Proxy
from holdfast.torture.processes.result import quantile
from tests.torture.arena import Write, arena, unsynced

PATIENCE_S = 30.0


@pytest.mark.process
def test_every_lie_about_the_books_is_found(tmp_path: Path, spawner: Spawner) -> None:
    """With the truth nothing is found; with an order, an execution, a position or a cent more or less it is."""
    with arena(tmp_path, spawner) as there:
        engine = there.ready()
        there.trade(engine, 300)
        there.agree(engine)
        reader, truth = there.watch.reader(), there.broker.truth()
        assert truth.executions
        assert compare(reader, truth).problems == []
        for lie, found in lies(truth):
            assert getattr(compare(reader, lie), found), found
        assert never_released(reader, Counter(["nobody-knows"])) != []
        assert never_released(reader, there.broker.asked_for()) == []


def lies(truth: Truth) -> Iterator[tuple[Truth, str]]:
    """Truths that are none, and where the comparison must show it."""
    replace = msgspec.structs.replace
    name, execution = next(iter(truth.executions.items()))
    key, client = next(iter(truth.taken.items()))
    order = truth.orders[key]
    yield replace(truth, taken={**truth.taken, "x": "unknown"}, orders={**truth.orders, "x": order}), "lost"
    yield replace(truth, taken={**truth.taken, "x": client}), "doubled"
    yield replace(truth, executions={**truth.executions, "x:1": execution}), "unbooked"
    yield replace(truth, executions={each: row for each, row in truth.executions.items() if each != name}), "doubled"
    other = Execution(execution.order_id, execution.symbol, execution.quantity, execution.price + 1)
    yield replace(truth, executions={**truth.executions, name: other}), "differences"
    yield replace(truth, cash=truth.cash + Decimal("0.01")), "differences"
    yield replace(truth, positions={**truth.positions, "X": Decimal(1)}), "differences"
    live = TheirOrder(client, "new", order.filled_quantity, is_live=True)
    yield replace(truth, orders={**truth.orders, key: live}), "differences"


@pytest.mark.process
def test_programs_that_were_forked_are_seen_to_end(tmp_path: Path, spawner: Spawner) -> None:
    """What the spawner forks runs the real program, and its status is told, a signal's too."""
    output = tmp_path / "output.txt"
    program = spawner.start(["--version"], tmp_path, output, {})
    assert program.ended(PATIENCE_S) == 0
    assert output.read_text().startswith("holdfast ")
    served = spawner.start(["sim", "alpaca", "--port", "0", "--json"], tmp_path, tmp_path / "served.txt", {})
    assert served.ended() is None
    assert kill(served) == -9


@contextmanager
def server(seen: list[bytes]) -> Iterator[int]:
    """Answers each message with ``ok``, until its client has gone."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(ConnectionError):
            while data := connection.recv(100):
                seen.append(data)
                connection.sendall(b"ok")

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1]
    thread.join(PATIENCE_S)
    listener.close()
    assert not thread.is_alive()


@pytest.mark.parametrize(("cut", "arrives"), [(Cut.BEFORE_COMMIT, False), (Cut.AFTER_COMMIT, True)])
def test_a_commit_is_cut_before_or_after(cut: Cut, arrives: bool, tmp_path: Path) -> None:
    """Other messages pass; the server sees the commit or doesn't, and the client gets no answer to it either way."""
    seen: list[bytes] = []
    with server(seen) as port:
        proxy = Proxy("127.0.0.1", port)
        with socket.create_connection(("127.0.0.1", proxy.port), PATIENCE_S) as client:
            client.sendall(b"SELECT")
            assert client.recv(10) == b"ok"
            proxy.cut(cut)
            client.sendall(b"COMMIT")
            answer = b""
            with suppress(ConnectionResetError):
                answer = client.recv(10)
            assert answer == b""
        assert proxy.fired == {cut: 1}
    proxy.close()  # now that the server has read to the end: the client is cut first, and closing would cut the server too
    assert (b"COMMIT" in seen) is arrives


def test_what_a_power_cut_takes_is_read_from_the_trace() -> None:
    """Writes are safe when a sync of their file began after them and came back; all others are lost."""
    lines = [
        '7 pwrite64(5</j.db-wal>, "a"..., 24, 0) = 24',
        '8 pwrite64(6</other>, "a"..., 10, 0) = 10',
        "7 fdatasync(5</j.db-wal>)           = 0",
        '7 pwrite64(5</j.db-wal>, "b"..., 24, 24) = 24',
        "7 fdatasync(5</j.db-wal> <unfinished ...>",
        '8 pwrite64(5</j.db-wal>, "c"..., 24, 48) = 24',
        "7 <... fdatasync resumed>)          = 0 (DELAYED)",
        '7 pwrite64(5</j.db-wal>, "d"..., 24, 72 <unfinished ...>',
        "7 fdatasync(5</j.db-wal> <unfinished ...>",
    ]
    wal = Path("/j.db-wal")
    assert unsynced(lines) == [Write(Path("/other"), 0, 10), Write(wal, 48, 24), Write(wal, 72, 24)]


def test_quantiles_are_values_that_were_measured() -> None:
    """The smallest that at least this share doesn't exceed."""
    values = [float(number) for number in range(1, 101)]
    assert [quantile(values, share) for share in (0.5, 0.99, 1.0)] == [50.0, 99.0, 100.0]
    assert quantile([3.0], 0.5) == quantile([3.0], 0.99) == 3.0
    assert quantile([], 0.5) is None
