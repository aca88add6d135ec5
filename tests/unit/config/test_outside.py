"""What is told to programs elsewhere: addresses that are none are refused, in one line, without what may be a key."""

from pathlib import Path

import pytest

from holdfast.config import load_config
from holdfast.errors import ConfigError

BASE = '[feed]\nkind = "synthetic"\nsymbols = ["AVOR"]\n[[accounts]]\nname = "paper-1"\n'
KEY = "abcdef0123456789"


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ('[tracing]\notlp = "127.0.0.1:4318"', "tracing.otlp is no address of a collector"),
        ('[tracing]\notlp = "grpc://127.0.0.1:4317"', "tracing.otlp is no address of a collector"),
        (f'[tracing]\notlp = "http://me:{KEY}@h:4318"', "keys go into tracing.headers"),
        ('[tracing]\notlp = "http://h:99999"', "tracing.otlp is no address of a collector"),
        ('[tracing]\notlp = "http://h"\nsample = 1.5', "tracing: sample"),
        ('[tracing]\notlp = "http://h"\nheaders = { "a b" = "c" }', "can't be sent as a header"),
        (f'[tracing]\notlp = "http://h"\nheaders = {{ key = "{KEY}\\nx" }}', "can't be sent as a header"),
        ('[tracing]\notpl = "http://h"', "otlp"),
        (f'[sentry]\ndsn = "https://{KEY}@h/x"', "sentry.dsn is no DSN"),
        ('[sentry]\ndsn = "https://h/2"', "sentry.dsn is no DSN"),
        (f'[sentry]\ndsn = "{KEY}"', "sentry.dsn is no DSN"),
    ],
)
def test_address_that_is_none_is_refused(tmp_path: Path, section: str, said: str) -> None:
    """What it is, how it looks, and nothing of the key."""
    path = tmp_path / "holdfast.toml"
    path.write_text(f"{BASE}{section}\n")
    with pytest.raises(ConfigError) as refused:
        load_config(path)
    assert said in str(refused.value)
    assert KEY not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_sections_are_read(tmp_path: Path) -> None:
    """As they are written in docs/tracing.md and docs/sentry.md."""
    path = tmp_path / "holdfast.toml"
    written = f'[tracing]\notlp = "http://127.0.0.1:4318"\nsample = 0.25\n[sentry]\ndsn = "https://{KEY}@o1.ingest.sentry.io/2"\n'
    path.write_text(BASE + written)
    config = load_config(path)
    assert (config.tracing.otlp, config.tracing.sample) == ("http://127.0.0.1:4318", 0.25)
    assert config.sentry.environment == "production"
