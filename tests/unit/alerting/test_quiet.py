"""A session of real data in which nothing is wrong: nobody is told anything."""

import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from holdfast.alerting import shown
from holdfast.alerting.shown import Wanted
from holdfast.alerting.tables import kept_at
from holdfast.alerting.watcher import AlertWatcher
from holdfast.cli.session import Session
from holdfast.config import parse_config
from holdfast.config.alerts import RULES
from holdfast.journal.reader import Reader
from holdfast.observer.follower import Follower
from holdfast.observer.places import Places
from holdfast.runtime.compose import open_engine


def settings(data: Path) -> dict[str, Any]:
    strategy = {
        "id": "ema",
        "class": "holdfast.strategies:EmaCross",
        "account": "main",
        "symbols": ["SPY"],
        "params": {"fast": 5, "slow": 15, "quantity": 10, "allow_short": True},
    }
    return {
        "feed": {"path": str(data), "start": "2013-10-08T13:28:00Z", "end": "2013-10-08T20:05:00Z"},
        "accounts": [{"name": "main"}],
        "strategies": [strategy],
        "observer": {"every_s": 0.05},
        "alerts": {"rules": [{"rule": name, "after_s": 0} for name, rule in RULES.items() if rule.after_s]},
    }


def test_a_quiet_session_of_real_data_raises_none(shared_data: Path, tmp_path: Path) -> None:
    """It trades, and of all that the observer sees of it meanwhile and after, by rules that wait for nothing, nothing needs a person."""
    config = parse_config(settings(shared_data / "us_minute_trades.parquet"), "test", tmp_path)
    over = threading.Event()
    follower = Follower(config, [AlertWatcher(config, sends=False)])
    thread = threading.Thread(target=follower.run, args=(over,))
    thread.start()
    try:
        session = Session(config)
        with open_engine(config, session.watch) as engine:
            session.run(engine, None, session.news.clear)
        with closing(Places(config.observer.url)) as places, Reader.open(config.journal.url) as reader:
            last = reader.account("main").last_sequence
            assert len(reader.fills("main")) > 5
            ends_s = time.monotonic() + 90
            while (at := places.of("alerts").get("main")) is None or at.sequence < last:
                assert time.monotonic() < ends_s, at
                time.sleep(0.05)
    finally:
        over.set()
        thread.join()
    with closing(kept_at(config.observer.url)) as keeping, keeping.reading() as kept:
        assert shown.listed(kept, Wanted(100), time.time_ns()) == []
