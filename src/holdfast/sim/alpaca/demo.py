"""The broker of the demo's second account: what it allows, what it trades, and the part of a configuration that trades there."""

SYMBOLS = ("NOVA", "QUIL")
SEED = 2
SPEED = 120.0
"""Market seconds in a second, as the demo's made-up market. Its clock is its own: it goes on while the engine is down."""
START = "2024-01-03T09:31"
REQUESTS_PER_MINUTE = 12_000
"""What it allows: its market runs a hundred times as fast as others."""

ACCOUNT = """
# The second account: a broker that goes on without the engine, as real ones do. It is served on this machine while the demo runs,
# keeps its orders when the engine is killed, and can be broken from the page.

[[feeds]]
name = "broker"
kind = "alpaca"
symbols = ["NOVA", "QUIL"]
warm_up_minutes = 30

[alpaca]
api_key = "demo"       # it takes any
api_secret = "demo"
trading_url = "http://127.0.0.1:{port}"
data_url = "http://127.0.0.1:{port}"
data_stream_url = "ws://127.0.0.1:{port}"
requests_per_minute = {per_minute}
data_requests_per_minute = {per_minute}

[live]
check_every_s = 1.0
reconcile_every_s = 2.0

[[accounts]]
name = "box"
broker = "alpaca"
feed = "broker"

[[strategies]]
id = "away"
class = "holdfast.strategies:MeanReversion"
account = "box"
symbols = ["NOVA", "QUIL"]
params = {{ window = 15, entry = 1.5, quantity = 80, allow_short = true, stop_pct = 0.5 }}
"""
"""What follows the demo's own configuration."""


def account(port: int) -> str:
    """The part of a configuration that trades at the broker on ``port`` of this machine."""
    return ACCOUNT.format(port=port, per_minute=REQUESTS_PER_MINUTE)
