"""Signals from outside: who may hand them in, what is understood, and that each is taken once."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.config import load_config
from holdfast.core.messages import Action, PlaceOrder
from holdfast.core.types import OrderType
from holdfast.errors import JournalError
from holdfast.journal.reader import CommandRow, Reader
from holdfast.runtime.compose import open_engine
from tests.scenario.web.conftest import CONFIG
from tests.scenario.web.serving import API, SECRET, Answer, Served, bearer, serving, signed, with_access

HOOK = f"{API}/hooks/ema"
BUY = {"action": "buy", "symbol": "AVOR", "quantity": "10"}


class Hooked:
    """A server whose engine has the account and takes nothing yet, and a key of each kind."""

    def __init__(self, served: Served, url: str) -> None:
        self.served = served
        self.url = url
        self.key = served.key("trader", "signal")[1]
        self.prefix, self.secret = served.key("trader", "signal", signing=True)

    def send(self, body: Any, path: str = HOOK, **headers: str) -> Answer:
        """An alert as a site sends it that knows no headers: the token is in it."""
        self.served.clock.pass_s(0.001)  # what is filed has an order
        data = body if isinstance(body, bytes) else json.dumps({"token": self.key} | body).encode()
        return self.served.ask("POST", path, headers={"Content-Type": "text/plain"} | headers, raw=data)

    def sign(self, body: Any, **other: Any) -> Answer:
        """An alert of a sender that signs."""
        data = json.dumps(body).encode()
        headers = signed(self.served.clock, self.prefix, self.secret, "POST", HOOK, data, **other)
        return self.served.ask("POST", HOOK, headers=headers, raw=data)

    def filed(self) -> list[CommandRow]:
        """What waits for the engine, in its order."""
        with Reader.open(self.url) as reader:
            return reader.unanswered("house")

    def new(self) -> list[CommandRow]:
        """What was filed since this was asked the last time."""
        seen, self._seen = getattr(self, "_seen", 0), len(self.filed())
        return self.filed()[seen:]


@pytest.fixture(scope="module")
def hooked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hooked]:
    """One for all tests here."""
    folder: Path = tmp_path_factory.mktemp("hooks")
    (folder / "holdfast.toml").write_text(CONFIG)
    config = with_access(load_config(folder / "holdfast.toml"), folder)
    with pytest.MonkeyPatch.context() as patch, open_engine(config, lambda *_: None):
        patch.setenv("JWT_SECRET_KEY", SECRET)
        with serving(config) as served:
            served.add_user("admin", "admin")
            served.add_user("trader", "trader")
            yield Hooked(served, config.journal.url)


def order_of(row: CommandRow) -> Any:
    assert isinstance(row.body, PlaceOrder)
    return row.body.signal


def test_an_alert_becomes_a_signal_of_its_strategy(hooked: Hooked) -> None:
    """It is filed for the engine as the strategy's own signal, says who sent it from where, and its id can be followed."""
    hooked.new()
    answer = hooked.send(BUY | {"id": "first", "limit": "101.25", "stop_loss": 99.5, "take_profit": 110})
    assert answer.status == 202, answer.body
    [row] = hooked.new()
    assert row.id == answer.json["command_id"]
    assert row.source == f"web:trader/{hooked.key.split('_')[1]}@127.0.0.1"
    signal = order_of(row)
    assert (signal.strategy, signal.symbol, signal.action, signal.order_type) == (
        "ema",
        "AVOR",
        Action.BUY,
        OrderType.LIMIT,
    )
    prices = (signal.quantity, signal.limit_price, signal.stop_loss, signal.take_profit)
    assert [str(value) for value in prices] == ["10", "101.25", "99.5", "110"]
    viewed = hooked.served.api("GET", f"/commands/{row.id}", headers=hooked.served.log_in("trader"))
    assert viewed.json["status"] in ("filed", "pending")


def test_what_a_charting_site_sends_is_understood(hooked: Hooked) -> None:
    """Its names, its numbers as texts, its symbol with the exchange before it, and the placeholders that mean nothing here."""
    hooked.new()
    alert = {
        "action": "BUY",
        "ticker": "NASDAQ:AVOR",
        "contracts": "3",
        "price": 101.2,
        "interval": "15",
        "comment": "x",
    }
    assert hooked.send(alert | {"market_position": "long", "volume": 1e6, "id": "site"}).status == 202
    signal = order_of(hooked.new()[0])
    assert (signal.symbol, str(signal.quantity), signal.limit_price) == ("AVOR", "3", None)


def test_an_amount_of_money_a_close_and_a_size_left_to_risk(hooked: Hooked) -> None:
    """The three ways to say no quantity."""
    hooked.new()
    ways: list[dict[str, Any]] = [{"action": "buy", "notional": 500}, {"action": "close"}, {"action": "sell"}]
    for number, body in enumerate(ways):
        assert hooked.send(body | {"symbol": "BRYX", "id": f"ways {number}"}).status == 202
    money, close, sized = (order_of(row) for row in hooked.new())
    assert (str(money.notional), money.quantity) == ("500", None)
    assert (close.action, str(close.quantity)) == (Action.CLOSE, "0")
    assert (sized.quantity, sized.notional) == (None, None)


def test_a_signal_is_taken_once(hooked: Hooked) -> None:
    """The same id again is the same command, whenever it comes; the same id with another content is a mistake."""
    hooked.new()
    first = hooked.send(BUY | {"id": "once"})
    again = hooked.send(BUY | {"id": "once"})
    hooked.served.clock.pass_s(6 * 86_400)
    later = hooked.send(BUY | {"id": "once"})
    assert first.json["command_id"] == again.json["command_id"] == later.json["command_id"]
    assert "came before" in again.json["text"]
    other = hooked.send(BUY | {"id": "once", "quantity": "11"})
    assert (other.status, other.json["error"]["code"]) == (409, "conflict")
    assert len(hooked.new()) == 1


def test_without_an_id_the_same_within_a_while_is_the_same(hooked: Hooked) -> None:
    """A site that sends again after a few seconds without an answer means the same signal; after half a minute it is another."""
    hooked.new()
    body = BUY | {"quantity": "12"}
    first, again = hooked.send(body), hooked.send(body)
    assert first.json["command_id"] == again.json["command_id"]
    assert hooked.send(body | {"quantity": "13"}).json["command_id"] != first.json["command_id"]
    hooked.served.clock.pass_s(30)
    assert hooked.send(body).json["command_id"] != first.json["command_id"]
    assert len(hooked.new()) == 3


def test_what_a_crash_left_unfiled_is_filed_by_the_next_try(hooked: Hooked, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signal was noted and its command was not filed: the sender's next try files it under the id that was noted."""
    hooked.new()
    with monkeypatch.context() as broken:
        broken.setattr("holdfast.web.api.hooks.file_signal", _crash)
        assert hooked.send(BUY | {"id": "crash"}).status == 503
    assert hooked.new() == []
    answer = hooked.send(BUY | {"id": "crash"})
    assert (answer.status, [row.id for row in hooked.new()]) == (202, [answer.json["command_id"]])


def _crash(*_: object) -> None:
    raise JournalError("the journal is away")


def test_a_signed_alert_is_sent_again_under_its_id(hooked: Hooked) -> None:
    """The very same request is a replay and refused; under its id with a new time it is the same signal, and taken once."""
    hooked.new()
    first = hooked.sign(BUY, id="msg_1")
    assert first.status == 202, first.body
    assert hooked.sign(BUY, id="msg_1").status == 401
    again = hooked.sign(BUY, id="msg_1", late_s=1)
    assert again.json["command_id"] == first.json["command_id"]
    assert len(hooked.new()) == 1
    assert hooked.sign(BUY, id="msg_2").json["command_id"] != first.json["command_id"]


def test_the_senders_time_is_looked_at(hooked: Hooked) -> None:
    """An alert that has been on its way for more than a minute is for a market that has gone."""
    now_ms = hooked.served.clock.ns // 1_000_000
    assert hooked.send(BUY | {"id": "fresh", "timenow": now_ms - 59_000}).status == 202
    stale = hooked.send(BUY | {"id": "stale", "timenow": now_ms - 62_000})
    assert (stale.status, "old" in stale.error) == (422, True)
    assert hooked.send(BUY | {"id": "iso", "timenow": "2020-01-01T00:00:00Z"}).status == 422


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"action": "hold"}, "action must be buy, sell or close"),
        ({"symbol": "SPY"}, "the strategy has no symbol 'SPY'; it has AVOR, BRYX"),
        ({"symbol": ""}, "no symbol"),
        ({"symbol": 5}, "symbol must be a text"),
        ({"quantity": "-1"}, "above zero"),
        ({"quantity": 0}, "above zero"),
        ({"quantity": "NaN"}, "must be a number"),
        ({"quantity": "1_000"}, "must be a number"),
        ({"quantity": 1e300}, "must be below"),
        ({"quantity": [1]}, "must be a text or a number"),
        ({"quantity": True}, "must be a text or a number"),
        ({"notional": "5"}, "either quantity or notional"),
        ({"limit": "free"}, "limit must be a number"),
        ({"stop_loss": -5}, "above zero"),
        ({"stoploss": "99"}, "did you mean stop_loss?"),
        ({"leverage": "5"}, "unknown field 'leverage'"),
        ({"action": "close", "quantity": "5"}, "whole position"),
        ({"ticker": "AVOR"}, "comes twice"),
        ({"id": "x" * 65}, "id has up to 64"),
        ({"id": "a\nb"}, "printable"),
        ({"timenow": "yesterday"}, "timenow must be"),
        ({"timenow": 10**30}, "ahead"),
        ({"account": "other"}, "not on account 'other'"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(hooked: Hooked, body: dict[str, Any], says: str) -> None:
    """With what is wrong, and nothing is filed."""
    before = len(hooked.filed())
    answer = hooked.send(BUY | body)
    assert answer.status == 422, answer.body
    assert says in answer.error
    assert len(hooked.filed()) == before


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"buy AVOR",
        b"[]",
        b"null",
        b'"buy"',
        b"5",
        b"{",
        b"\xff\xfe",
        b"\x00",
        b"[" * 15_000,
        b'{"action": "buy", "symbol": "AVOR", "quantity": NaN}',
        b'{"action": "buy", "symbol": "AVOR", "quantity": Infinity}',
        b'{"action": "buy", "symbol": "AVOR", "quantity": 1, "quantity": 100}',
        b'{"action": "buy", "symbol": "AVOR", "quantity": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda raw: repr(raw[:50]),
)
def test_what_is_no_alert_is_refused(hooked: Hooked, raw: bytes) -> None:
    """Whatever the bytes are, the answer is an error of the sender's and says what is wanted; whoever has no key learns nothing of it."""
    answer = hooked.send(raw, Authorization=f"Bearer {hooked.key}")
    assert answer.status == 422, answer.body
    assert hooked.send(raw).status == 401


def test_a_huge_alert_is_not_read(hooked: Hooked) -> None:
    """16 KiB are more than any alert has."""
    assert hooked.send(BUY | {"comment": "x" * 16_400}).status == 413


@pytest.mark.parametrize("token", ["", "wrong", "hf_aaaaaaaa_" + "A" * 43, 5, None, ["x"]])
def test_a_wrong_token_is_refused(hooked: Hooked, token: Any) -> None:
    """So is none."""
    assert hooked.send(BUY | {"token": token}).status == 401


def test_a_key_may_signal_and_nothing_else(hooked: Hooked) -> None:
    """A key of another scope may not signal, in the body or the header; a key of one strategy not another; a session not at all."""
    served = hooked.served
    reading = served.key("trader", "read", "trade")[1]
    assert hooked.send(BUY | {"token": reading}).status == 403
    assert hooked.send(BUY, Authorization=f"Bearer {reading}").status == 403
    assert served.ask("POST", HOOK, BUY, served.log_in("admin")).status == 403
    bound = served.key("trader", "signal", strategy="other")[1]
    assert hooked.send(BUY | {"token": bound}).status == 403
    assert served.api("GET", "/orders", headers=bearer(hooked.key)).status == 403
    assert hooked.send(BUY, path=f"{API}/hooks/nothing").status == 404
    assert hooked.send(BUY | {"id": "own"}, Authorization=f"Bearer {hooked.key}").status == 202


def test_refused_signals_are_kept_without_the_token(hooked: Hooked) -> None:
    """An admin can see that an alert was refused and why, even one whose token stood in the wrong place."""
    hooked.send(BUY | {"quantity": hooked.key})
    admin = hooked.served.log_in("admin")
    events = hooked.served.api("GET", "/access/events", headers=admin)
    assert hooked.key.encode() not in events.body
    refused = [event["text"] for event in events.json["items"] if event["outcome"] == "refused"]
    assert any("a signal of ema" in text for text in refused)


def test_without_an_engine_nothing_is_taken(standing: Served) -> None:
    """A signal is for now: it is refused, with what to do, and can be sent again when the engine is back."""
    key = standing.key("trader", "signal")[1]
    answer = standing.ask("POST", HOOK, BUY | {"token": key})
    assert (answer.status, "no engine trades account house" in answer.error) == (409, True)


def test_each_is_handed_to_the_engine_once(hooked: Hooked) -> None:
    """What waits has ids of its own, each once."""
    ids = [row.id for row in hooked.filed()]
    assert len(ids) == len(set(ids))
    assert all(isinstance(row.body, PlaceOrder) for row in hooked.filed())
