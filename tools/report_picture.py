"""The picture on docs/report.md: a backtest over a made-up market, its report, and Chromium's view of it.

    python -m tools.report_picture [REPORT.html]

writes docs/report.png, and the report itself where a name is given.
"""

import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from holdfast import backtest
from holdfast.calendars import trading_calendar

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "report.png"
SIZE = "920,1130"


def market(seed: int) -> Any:
    """Eight years of daily bars: a random walk with a drift."""
    import pandas as pd

    draw = random.Random(seed)  # noqa: S311 - a market, no secret
    days = [day.date for day in trading_calendar("XNYS").days if "2018-01-01" <= day.date < "2026-01-01"]
    rows, close = [], 100.0
    for day in days:
        start = close * (1 + draw.gauss(0, 0.004))
        close = start * (1 + draw.gauss(0.0002, 0.011))
        spread = close * abs(draw.gauss(0, 0.004))
        rows.append(
            (
                day,
                round(start, 2),
                round(max(start, close) + spread, 2),
                round(min(start, close) - spread, 2),
                round(close, 2),
                500_000,
            )
        )
    return pd.DataFrame(rows, columns=["time", "open", "high", "low", "close", "volume"])


def main(arguments: list[str]) -> int:
    """Exit status 0, or 1 without Chromium."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("chromium is not installed", file=sys.stderr)
        return 1
    data = {name: market(seed) for seed, name in enumerate(("AAA", "BBB", "CCC"), 5)}
    result = backtest(
        "EmaCross", data, fast=10, slow=40, quantity=300, venue={"model": "realistic"}, benchmark=["AAA", "BBB", "CCC"]
    )
    with tempfile.TemporaryDirectory() as folder:
        page = result.report(arguments[0] if arguments else Path(folder) / "report.html").resolve()
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={folder}/profile",
        ]
        command = [chromium, *options, f"--window-size={SIZE}", f"--screenshot={PICTURE}", page.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603 - our own arguments
    print(f"{PICTURE}: {PICTURE.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
