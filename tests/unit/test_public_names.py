"""What `from holdfast import ...` gives, and that asking for nothing loads nothing."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

import holdfast
from holdfast.core.messages import OrderFilled
from holdfast.core.strategy.api import Strategy

PAGE = (Path(__file__).parents[2] / "docs" / "strategies.md").read_text(encoding="utf-8")


def test_the_page_on_strategies_names_what_there_is() -> None:
    """The table at its end has each public name, once, and no other."""
    table = PAGE.partition("## The names")[2]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(named) == sorted(holdfast.__all__)


def test_each_name_is_there_and_is_the_one_of_inside() -> None:
    """The inside path goes on working, and gives the same."""
    assert all(getattr(holdfast, name) is not None for name in holdfast.__all__)
    assert holdfast.Strategy is Strategy
    assert holdfast.Fill is OrderFilled
    assert set(holdfast.__all__) <= set(dir(holdfast))


def test_every_callback_is_on_the_page() -> None:
    """A callback that is new is taught."""
    callbacks = {name for name in vars(Strategy) if name.startswith("on_")}
    assert set(re.findall(r"^\| `(on_\w+)\(", PAGE, re.M)) == callbacks


def test_a_name_that_is_not_there_is_told_with_the_nearest() -> None:
    """``from holdfast import Strategies`` says what is meant."""
    with pytest.raises(AttributeError, match="no attribute 'Strategi'; did you mean Strategy"):
        _ = holdfast.Strategi


def test_importing_the_package_loads_nothing_of_it() -> None:
    """A command that prints its version waits for no engine."""
    code = "import sys, holdfast; print([name for name in sys.modules if name.startswith(('holdfast.', 'msgspec'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_example_on_the_page_runs() -> None:
    """Its class is one that the engine can call."""
    from holdfast.core.strategy.shape import fault_of_shape

    code = re.findall(r"```python\n(.*?)```", PAGE, re.S)[0]
    names: dict[str, object] = {}
    exec(code, names)  # noqa: S102 - it is our own page
    assert fault_of_shape(names["BuyTheDip"]) == ""  # type: ignore[arg-type]


def test_the_other_examples_are_strategies_and_indicators() -> None:
    """Each class in the pages' code can be made and called."""
    from holdfast.core.strategy.shape import fault_of_shape

    page = (Path(__file__).parents[2] / "docs" / "indicators.md").read_text(encoding="utf-8")
    classes = 0
    for code in re.findall(r"```python\n(.*?)```", PAGE + page, re.S):
        names = {name: getattr(holdfast, name) for name in holdfast.__all__}
        if "class " not in code:
            continue
        exec(code, names)  # noqa: S102 - it is our own page
        for made in [value for value in names.values() if isinstance(value, type)]:
            if made.__module__ == "builtins" and issubclass(made, holdfast.Strategy):
                assert fault_of_shape(made) == ""
                classes += 1
            elif made.__module__ == "builtins" and issubclass(made, holdfast.Indicator):
                values = [cast(Any, made)().update(holdfast.Bar("A", 2, 1, 1.0, 3.0, 1.0, 2.0, 1.0))]
                assert values == [None]
                classes += 1
    assert classes == 4
