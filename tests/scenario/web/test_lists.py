"""Lists of the API: pages, filters, downloads, and what is wrong said in words."""

import csv
import io
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from holdfast.config import Config, JournalConfig
from holdfast.journal.export import check
from holdfast.journal.reader import Reader
from holdfast.vault.signing import signer
from holdfast.vault.store import Place, Store
from holdfast.views.encode import as_json
from holdfast.views.orders import OrderView, fills, orders
from holdfast.web.downloads import _cell as cell
from holdfast.web.downloads import cells
from tests.scenario.web.serving import Served, serving, with_access
from tests.scenario.web.test_memory import traded

__all__ = ["traded"]


@pytest.fixture
def trading(traded: Config, tmp_path: Path) -> Config:
    """A journal with orders and fills, and a database of users of the test's own."""
    return with_access(traded, tmp_path)


def every(served: Served, path: str, limit: int) -> list[dict[str, object]]:
    """All items, a page at a time."""
    found: list[dict[str, object]] = []
    after = ""
    while True:
        answer = served.api("GET", f"{path}{'&' if '?' in path else '?'}limit={limit}{after}")
        assert answer.status == 200, answer.body
        assert len(answer.json["items"]) <= limit
        found += answer.json["items"]
        if answer.json["next"] is None:
            return found
        after = f"&after={answer.json['next']}"


def test_pages_come_to_the_whole_list(trading: Config) -> None:
    """Orders, fills and records in pages of a few are what the journal has, each once and in order; filters leave the rest out."""
    with serving(trading) as served, Reader.open(trading.journal.url) as reader:
        assert every(served, "/orders", 7) == [as_json(row) for row in orders(reader)]
        assert every(served, "/fills?account=house", 7) == [as_json(row) for row in fills(reader, "house")]
        last = reader.account("house").last_sequence
        newest = [row["sequence"] for row in every(served, "/audit/records", 50)]
        assert newest == list(range(last, 0, -1))
        in_order = [row["sequence"] for row in every(served, "/audit/records?account=house&after=0", 50)]
        assert in_order == list(range(1, last + 1))
        of_one = every(served, "/orders?symbol=AVOR&strategy=ema", 500)
        assert of_one == [row for row in every(served, "/orders", 500) if row["symbol"] == "AVOR"]
        filled = every(served, "/audit/records?type=OrderFilled", 9)
        assert len(filled) == reader.count("fills")
        one = str(filled[0]["body"]["execution_id"])  # type: ignore[index]
        assert {one} < {str(row) for row in [one, ""]}
        assert all(one in msgspec.json.encode(row).decode() for row in every(served, f"/audit/records?text={one}", 500))
        trail = served.api("GET", f"/orders/{of_one[0]['client_order_id']}/trail").json["items"]
        assert all(before["sequence"] < after["sequence"] for before, after in pairwise(trail))
        assert {row["correlation_id"] for row in trail} == {trail[0]["correlation_id"]}


def test_a_download_has_every_row(trading: Config) -> None:
    """CSV has the texts of JSON, Parquet exact numbers and times."""
    with serving(trading) as served, Reader.open(trading.journal.url) as reader:
        answer = served.api("GET", "/orders?format=csv")
        rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
        expected = [as_json(row) for row in orders(reader)]
        assert [row["client_order_id"] for row in rows] == [row["client_order_id"] for row in expected]
        assert [row["average_fill_price"] for row in rows] == [row["average_fill_price"] or "" for row in expected]
        asked = served.api("GET", "/fills", headers={"Accept": "text/csv"})
        assert asked.headers["content-type"] == "text/csv; charset=utf-8"
        assert "attachment" in asked.headers["content-disposition"]
        table = pq.read_table(io.BytesIO(served.api("GET", "/fills?format=parquet").body))
        known = fills(reader, "house")
        assert table["execution_id"].to_pylist() == [row.execution_id for row in known]
        assert sum(table["quantity"].to_pylist()) == sum((row.quantity for row in known), Decimal(0))
        assert table["time"].cast("int64").to_pylist() == [row.time_ns for row in known]
        for path in (
            "positions",
            "audit/records",
            "pipeline",
            "alerts",
            "news",
            "strategies",
            "backtests",
            "protection",
            "risk",
        ):
            answer = served.api("GET", f"/{path}?format=csv")
            assert answer.status in (200, 503), path


def test_an_export_proves_itself(trading: Config, tmp_path: Path) -> None:
    """Signed by the store's key and whole; unsigned where that is asked for; without a key it says how to get one; who had it is kept."""
    store = Store(Place(tmp_path / "s", tmp_path / "k", {}))
    secrets = msgspec.structs.replace(trading.secrets, file=str(tmp_path / "s"), key_file=str(tmp_path / "k"))
    with (
        serving(msgspec.structs.replace(trading, secrets=secrets)) as served,
        Reader.open(trading.journal.url) as reader,
    ):
        refused = served.api("GET", "/audit/export")
        assert (refused.status, "holdfast secrets init" in refused.error) == (409, True), refused.body
        store.make()
        assert "holdfast audit key" in served.api("GET", "/audit/export").error
        key = signer(store, make=True).public
        answer = served.api("GET", "/audit/export?account=house")
        assert "attachment" in answer.headers["content-disposition"]
        found = check(io.BytesIO(answer.body), key)
        assert (found.ok, found.key, found.records) == (True, key, {"house": reader.account("house").last_sequence})
        assert not check(io.BytesIO(answer.body.replace(b"AVOR", b"BRYX", 1)), key).ok
        assert check(io.BytesIO(served.api("GET", "/audit/export?sign=false").body), "").key == ""
        assert served.api("GET", "/audit/export?account=nobody").status == 404
        events = served.api("GET", "/access/events").json["items"]
        assert [(row["action"], row["target"]) for row in events] == [
            ("audit exported", ""),
            ("audit exported", "house"),
        ]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_text_in_a_download_is_a_formula(text: str) -> None:
    """A spreadsheet takes such a text for one; a number below zero stays a number."""
    empty = {name: 0 if name.endswith("_ns") else "" for name in OrderView.__struct_fields__}
    row = msgspec.structs.replace(OrderView(**empty), tag=text, quantity=Decimal(-1))  # type: ignore[arg-type]
    found = dict(zip(OrderView.__struct_fields__, map(cell, cells(row)), strict=True))
    assert (found["tag"], found["quantity"]) == (f"'{text}", "-1")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/orders/nobody", 404, "not_found"),
        ("/accounts/nobody", 404, "not_found"),
        ("/nothing", 404, "not_found"),
        ("/orders?limit=0", 422, "invalid"),
        ("/orders?state=SOLD", 422, "invalid"),
        ("/orders?after=!!", 400, "invalid"),
        ("/audit/records?after=abc", 400, "invalid"),
        ("/commands/none", 404, "not_found"),
        ("/demo", 404, "not_found"),
        ("/candles/AVOR?timeframe=1Fortnight", 422, "invalid"),
    ],
)
def test_what_is_wrong_is_said_in_words(empty: Served, path: str, status: int, code: str) -> None:
    """Every error has a code for programs and a text for people."""
    answer = empty.api("GET", path)
    assert (answer.status, answer.json["error"]["code"]) == (status, code)
    assert answer.json["error"]["message"]


def test_a_journal_that_is_not_there_is_said_and_the_process_goes_on(config: Config, tmp_path: Path) -> None:
    """Whoever asks hears why and what to do; it is no error of the process."""
    missing = msgspec.structs.replace(config, journal=JournalConfig(url=f"sqlite:///{tmp_path / 'none.db'}"))
    with serving(missing) as served:
        for path in ("/accounts", "/orders", "/fills?format=parquet", "/positions", "/attention", "/risk", "/orders/x"):
            answer = served.api("GET", path)
            assert (answer.status, answer.json["error"]["code"]) == (503, "journal_unavailable"), path
            assert "none.db" in answer.json["error"]["message"]
        assert served.ask("GET", "/health").status == 200
