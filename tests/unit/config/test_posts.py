"""What of ``[posts]`` is refused, and with which words."""

from pathlib import Path
from typing import Any

import pytest

from holdfast.config import parse_config
from holdfast.config.posts import DAY, GROUPS, OF_DAYS, OF_TRADES, SHOWN, PostsConfig, segments
from holdfast.errors import ConfigError


def config(**posts: Any) -> PostsConfig:
    data = {"feed": {"kind": "synthetic", "symbols": ["A"]}, "accounts": [{"name": "a"}], "posts": posts}
    return parse_config(data, "h.toml", Path()).posts


FOUR = {key: f"secret:{key}" for key in ("api_key", "api_secret", "access_token", "access_secret")}


@pytest.mark.parametrize(
    ("posts", "said"),
    [
        ({"templates": {"closed": "{pnll}"}}, r"posts.templates.closed: there is no field {pnll}; did you mean {pnl}\?"),
        ({"templates": {"day": "{entry}"}}, r"posts.templates.day: there is no field {entry}; "),
        ({"templates": {"opened": "a [b"}}, r"posts.templates.opened: a '\[' is not closed"),
        ({"templates": {"opened": "a] b"}}, r"posts.templates.opened: '\]' at character 2 has no partner; write '\]\]'"),
        ({"templates": {"opened": "[a [b]]"}}, r"'\[' at character 4 has no partner"),
        ({"templates": {"opened": "a } b"}}, r"'}' at character 3 has no partner; write '}}'"),
        ({"templates": {"close": ""}}, r"unknown key posts.templates.close; did you mean closed\?"),
        ({"templates": {"closed": "{size}"}, "show": ["r"]}, r"posts.templates.closed needs {size}, which posts.show hides"),
        ({"show": ["sizes"]}, r"posts.show\[0\]: there is no 'sizes'; .*size"),
        ({"timezone": "Europe/Berln"}, r"posts.timezone: there is no time zone 'Europe/Berln'"),
        ({"x": {"api_key": "secret:a"}}, r"posts.x has api_key and no api_secret; X needs all four"),
        ({"x": {**FOUR, "bearer": "secret:b"}}, r"posts.x has keys and a bearer token"),
        ({"x": {"bearer": "AAAAAAAAplain"}}, r'posts.x.bearer names a secret and is none itself: write it as "secret:NAME"'),
        ({"x": {"url": "api.x.com"}}, r"posts.x.url is no web address"),
        ({"apprise": "mastodon://token@example.org"}, r"posts.apprise has a key in it"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(posts: dict[str, Any], said: str) -> None:
    """When the file is read, with the right word near it; and no secret is repeated."""
    with pytest.raises(ConfigError, match=said) as raised:
        config(**posts)
    assert "AAAAAAAAplain" not in str(raised.value)
    assert "token@" not in str(raised.value)


def test_what_is_right_is_taken() -> None:
    """Both targets, other words, a zone."""
    found = config(
        x=FOUR, apprise="json://127.0.0.1:9/", timezone="Asia/Kolkata", show=["size"], templates={"opened": "{icon}"}
    )
    assert found.targets == ["x", "apprise"]
    assert config().targets == []
    assert config(x={"bearer": "secret:b"}).targets == ["x"]


def test_every_field_can_be_shown() -> None:
    """Each is of one word of ``show`` or always there; equity, the account and the strategy are hidden unless asked for."""
    named = [field for fields in GROUPS.values() for field in fields]
    assert sorted({*OF_TRADES, *OF_DAYS}) == sorted({*named, "icon", "verb", "symbol", "symbols"})
    assert len(named) == len(set(named))
    assert not {"equity", "account", "strategy"} & PostsConfig().visible
    assert set(GROUPS) - set(SHOWN) == {"equity", "account", "strategy"}


def test_templates_are_texts_and_fields() -> None:
    """In turn, and which parts may be left out."""
    first, second, third = segments("a {icon}[ {pnl}]b", OF_DAYS, "x")
    assert (first.parts, first.optional) == (("a ", ("icon",)), False)
    assert (second.parts, second.optional, second.fields) == ((" ", ("pnl",)), True, ("pnl",))
    assert third.parts == ("b",)
    assert segments(DAY, OF_DAYS, "x")[0].fields == ("icon",)
