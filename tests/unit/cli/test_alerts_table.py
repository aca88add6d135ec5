"""The list of alerts: what one needs to act on them is in it, however narrow the terminal is."""

import io
import time
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console

from holdfast.alerting import book
from holdfast.alerting.book import Finding
from holdfast.alerting.tables import kept_at
from holdfast.cli import alerts, terminal
from holdfast.config import load_config

CONFIG = '[feed]\nkind = "synthetic"\n[[accounts]]\nname = "house"\n'


@pytest.mark.parametrize("width", [60, 80, 120, 160])
def test_the_id_and_the_rule_are_seen(width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long text is cut; it doesn't push out what `alerts ack` and `alerts silence` are given."""
    path = tmp_path / "holdfast.toml"
    path.write_text(CONFIG)
    config = load_config(path)
    out = io.StringIO()
    monkeypatch.setattr(terminal, "console", lambda: Console(file=out, width=width))
    with closing(kept_at(config.observer.url)) as keeping, keeping.begin() as kept:
        book.open_alert(kept, config.alerts, Finding("unknown_order", "house", "o-1", "long " * 100), time.time_ns())
    alerts.show(path, everything=False, limit=10, as_json=False)
    line = next(line for line in out.getvalue().splitlines() if "long" in line)
    assert line.split()[0] == "1"
    assert {"critical", "unknown_order", "open"} <= set(line.split())
    assert len(line.rstrip()) <= width
