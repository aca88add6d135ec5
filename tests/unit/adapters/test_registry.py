"""Adapters by name."""

import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.adapters import registry
from holdfast.brokers.adapter import Adapter
from holdfast.errors import Refused

ALONE = """
import sys
from pathlib import Path
from holdfast.config import parse_config
from holdfast.runtime import compose
config = parse_config({"feed": {"kind": "synthetic"}, "accounts": [{"name": "a"}]}, "test", Path(sys.argv[1]))
with compose.open_engine(config):
    print(*sorted(name for name in sys.modules if "alpaca" in name))
"""


@pytest.mark.parametrize("name", ["paper", "alpaca"])
def test_an_adapter_has_the_name_it_is_asked_for(name: str) -> None:
    """Those that ship are there, each under its own name, whatever else is installed."""
    assert isinstance(registry.load(name), Adapter)
    assert registry.load(name).name == name
    assert name in registry.names()


@pytest.mark.parametrize(("name", "hint"), [("alpacca", "did you mean alpaca?"), ("x", "there are paper, alpaca")])
def test_one_that_is_not_there_is_refused(name: str, hint: str) -> None:
    """With the nearest name, or all of them."""
    with pytest.raises(Refused) as refused:
        registry.load(name)
    assert hint in str(refused.value)
    assert refused.value.exit_status == 3


def test_a_paper_run_loads_no_other_broker(tmp_path: Path) -> None:
    """Neither Alpaca's adapter nor its SDK is imported by an engine that trades on paper."""
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(tmp_path)], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == ""
