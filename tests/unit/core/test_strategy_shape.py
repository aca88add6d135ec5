"""A class that the engine could not call is refused before anything trades, with the nearest right word."""

from typing import Any

import pytest

from holdfast import Bar, Context, Parameters, Strategy
from holdfast.core.strategy.shape import fault_of_shape


def strategy(**members: Any) -> type[Strategy]:
    return type("Mine", (Strategy,), members)


def on_bar(self: Strategy, context: Context, bar: Bar) -> None:
    """Nothing."""


@pytest.mark.parametrize(
    ("name", "meant"),
    [("on_bars_", "on_bars"), ("onbar", "on_bar"), ("onBar", "on_bar"), ("on_trades", "on_trade"), ("on_oder", "on_order"),
     ("On_Fill", "on_fill"), ("on_startup", "on_start"), ("on_sesion", "on_session"),
     ("on_tick", "on_trade"), ("on_ticks", "on_trade"), ("onTick", "on_trade"), ("on_data", "on_bars"), ("on_candle", "on_bar"),
     ("on_execution", "on_fill"), ("on_order_update", "on_order"), ("on_market_open", "on_session"), ("on_split", "on_corporate_action"),
     ("on_init", "on_start"), ("on_order_filled", "on_order")],
)  # fmt: skip
def test_a_misspelt_callback_is_told_with_the_right_one(name: str, meant: str) -> None:
    """It would never be called, and nobody would notice."""
    fault = fault_of_shape(strategy(on_bar=on_bar, **{name: on_bar}))
    assert f"Mine.{name} is never called; did you mean {meant}?" in fault


@pytest.mark.parametrize("name", ["on_breakout", "on_xyzzy", "on_", "onXyzzy", "ON_WEEKEND"])
def test_a_public_method_that_reads_like_a_callback_is_never_taken_in_silence(name: str) -> None:
    """Like nothing that is called, it gets the list, and how to call a method of one's own."""
    fault = fault_of_shape(strategy(on_bar=on_bar, **{name: on_bar}))
    assert f"Mine.{name} is never called;" in fault
    assert fault.endswith(f"A method of your own may be called _{name}")


def test_a_callback_is_looked_for_however_it_is_written_and_wherever_it_stands() -> None:
    """As a class's or a static method, in a base class, and in one that stands behind Strategy, where it is not found."""
    kinds: tuple[Any, ...] = (classmethod, staticmethod)
    for kind in kinds:
        assert "did you mean on_trade?" in fault_of_shape(strategy(on_bar=on_bar, on_tick=kind(on_bar)))
    base = strategy(on_tick=on_bar)
    assert "Mine.on_tick is never called" in fault_of_shape(type("Child", (base,), {"on_bar": on_bar}))
    mixin = type("Mixin", (), {"on_bar": on_bar})
    behind, before = type("Mine", (Strategy, mixin), {}), type("Mine", (mixin, Strategy), {})
    assert (
        "Mixin.on_bar is never called: Strategy stands before it. Write class Mine(Mixin, Strategy)"
        in fault_of_shape(behind)
    )
    assert fault_of_shape(before) == ""


@pytest.mark.parametrize("name", ["_on_bars", "_on_tick", "once", "only_long", "one_more", "online", "breakout"])
def test_a_method_of_ones_own_is_left_alone(name: str) -> None:
    """What doesn't look like a callback is the author's; so is what is no method."""
    assert fault_of_shape(strategy(on_bar=on_bar, **{name: on_bar})) == ""
    assert fault_of_shape(strategy(on_bar=on_bar, on_weekends=False)) == ""


async def later(self: Strategy, context: Context, bar: Bar) -> None:
    """Never runs."""


class Wrong(Parameters, frozen=True):
    """Parameters under another name."""


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({}, "defines no callback"),
        ({"on_bar": on_bar, "history_bars": -5}, "Mine.history_bars must be a whole number above zero, not -5"),
        ({"on_bar": on_bar, "history_bars": "x"}, "Mine.history_bars must be a whole number above zero, not 'x'"),
        ({"next": on_bar}, "defines no callback"),
        ({"on_bar": lambda self, bar: None}, "on_bar can't be called with context, bar: write def on_bar(self, context, bar)"),
        ({"on_start": lambda self, context, bar: None}, "write def on_start(self, context)"),
        ({"on_bar": later}, "without async"),
        ({"on_bar": on_bar, "Params": dict}, "Params has to be a class of Parameters"),
        ({"on_bar": on_bar, "Parameter": Wrong}, "Mine.Parameter is never read: the class of a strategy's parameters is called Params"),
        ({"on_bar": on_bar, "__init__": lambda self: None}, "__init__ has to take params alone"),
    ],
)  # fmt: skip
def test_a_class_that_can_not_be_called_is_told_what_to_write(members: dict[str, Any], text: str) -> None:
    """One sentence, with the form that is right."""
    assert text in fault_of_shape(strategy(**members))


def test_a_callback_may_take_more_by_default_and_may_be_inherited() -> None:
    """What can be called as the engine calls it is fine."""

    class Base(Strategy):
        def on_bar(self, context: Context, bar: Bar, *_more: object, twice: bool = False) -> None:
            """Nothing."""

    class Child(Base):
        pass

    assert fault_of_shape(Child) == ""
