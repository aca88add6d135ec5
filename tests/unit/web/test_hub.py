"""Those who listen: bounded queues, and the slow ones."""

import asyncio
from decimal import Decimal

import pytest

from holdfast.views.board import ENGINE, LastPrice, MarketView
from holdfast.web.errors import TooMany
from holdfast.web.stream.hub import MOST, QUEUED, Hub, encode
from holdfast.web.stream.places import from_id, gap, to_id
from holdfast.web.stream.prices import market_event


def test_a_listener_that_does_not_keep_up_is_let_go_and_told_to_ask_again() -> None:
    """Its queue is bounded; it hears `reload` with the newest id and then its stream ends, while another one misses nothing."""

    async def listen() -> tuple[list[bytes], list[bytes]]:
        hub = Hub()
        hub.move({"a": 0})
        slow, quick = hub.join(), hub.join()
        heard_slowly = hub.messages(slow, b"first")
        heard_quickly = hub.messages(quick, b"first")
        firsts = [await anext(heard_slowly), await anext(heard_quickly)]
        assert firsts == [b"first", b"first"]
        quickly: list[bytes] = []
        for number in range(1, QUEUED + 3):
            hub.publish(encode("change", number, {"a": number}), {"a": number})
            quickly.append(await anext(heard_quickly))
        slowly = [message async for message in heard_slowly]
        hub.close()
        await heard_quickly.aclose()
        assert (hub.dropped, hub.listeners) == (1, set())
        return slowly, quickly

    slowly, quickly = asyncio.run(listen())
    assert len(quickly) == QUEUED + 2
    assert len(slowly) <= QUEUED + 1
    assert slowly[-1].startswith(f"id: a={QUEUED + 2}\nevent: reload\n".encode())


def test_who_comes_at_the_moment_of_a_change_asks_again() -> None:
    """Nothing is made of a change while nobody listens; who joined before that was known is told to ask."""

    async def listen() -> list[bytes]:
        hub = Hub()
        hub.move({"a": 1})
        listener = hub.join()
        listener.is_answered = True
        hub.move({"a": 2})
        hub.close()
        return [listener.waiting.get_nowait() for _ in range(listener.waiting.qsize())]

    (message,) = asyncio.run(listen())
    assert message.startswith(b"id: a=2\nevent: reload\n")


def test_a_crowd_is_refused() -> None:
    """The number of listeners is bounded."""

    async def crowd() -> None:
        hub = Hub()
        for _ in range(MOST):
            hub.join()
        with pytest.raises(TooMany):
            hub.join()

    asyncio.run(crowd())


def test_an_id_is_what_it_was_made_from() -> None:
    """Names may have anything in them; what is no id is None; of another journal no gap can be told."""
    places = {"a=1,b": 3, "ö/": 0}
    assert from_id(to_id(places)) == places
    assert from_id("") == {}
    assert [from_id(text) for text in ("a", "a=", "a=x", "a=-1", "a=1,,b=2", "a=1111111111111111111")] == [None] * 6
    assert gap({"a": 3}, {"a": 5, "b": 1}) == 3
    assert gap({"a": 3}, {"a": 2}) is None
    assert gap({"gone": 3}, {"a": 2}) is None


def test_the_same_symbol_on_two_feeds_has_two_prices() -> None:
    """Of all accounts together a symbol has one price; the account whose own is another says so."""
    views = [view_of("here", {"X": 7}), view_of("there", {"X": 9, "Y": 3})]
    told = market_event(views)
    assert told is not None
    prices = {name: {**told["prices"], **told["accounts"][name].get("prices", {})} for name in ("here", "there")}
    assert (prices["here"]["X"], prices["there"]["X"], prices["there"]["Y"]) == ("7", "9", "3")


def view_of(account: str, prices: dict[str, int]) -> MarketView:
    """What a running engine's account knows."""
    last = {symbol: LastPrice(Decimal(price), 1) for symbol, price in prices.items()}
    return MarketView(account, ENGINE, "", "", "synthetic", "made up", 1, True, 0.0, last)
