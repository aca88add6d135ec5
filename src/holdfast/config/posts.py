"""The section ``[posts]``: what posts about trades say, to whom, and how they are sent (docs/posts.md)."""

import re
from difflib import get_close_matches
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from holdfast.core.ranges import Ranged, Seconds
from holdfast.errors import ConfigError
from holdfast.vault.references import SecretText, is_reference, is_whole_reference

ALWAYS = ("icon", "verb", "symbol", "symbols")
"""Fields that no setting hides: a post about a trade says which."""
GROUPS: dict[str, tuple[str, ...]] = {
    "side": ("side",),
    "size": ("size", "left"),
    "price": ("price", "entry", "exit"),
    "exits": ("stop", "target"),
    "pnl": ("pnl", "best", "worst"),
    "pnl_pct": ("pnl_pct",),
    "r": ("r",),
    "fees": ("fees", "slippage"),
    "time": ("date", "time", "held"),
    "counts": ("trades", "wins", "losses", "orders", "fills", "refused", "incidents"),
    "strategy": ("strategy",),
    "account": ("account",),
    "equity": ("equity",),
}
"""The words of ``show``, each with the fields that it lets be seen."""
SHOWN = tuple(word for word in GROUPS if word not in ("account", "equity", "strategy"))
"""What is shown unless ``show`` is written: nothing of whose account it is, or how large."""
OF_TRADES = re.findall(
    r"\w+",
    "icon verb symbol side size left price entry exit stop target pnl pnl_pct r fees date time held strategy account",
)
OF_DAYS = re.findall(
    r"\w+",
    "icon date symbols pnl pnl_pct trades wins losses best worst orders fills fees slippage refused incidents account equity",
)
"""The fields of templates of trades and of days."""

OPENED = "{icon} {verb}[ {size}] {symbol}[ @ {price}][\nStop {stop}][\nTarget {target}]"
REDUCED = "{icon} {verb}[ {size}] {symbol}[ @ {price}][\nPnL {pnl}][ ({pnl_pct})][\n{left} left]"
CLOSED = "{icon} {verb} {symbol}[ {size}][\nIn {entry}, out {exit}][\nPnL {pnl}][ ({pnl_pct})][\n{r}][\nHeld {held}]"
DAY = (
    "{icon}[ {date}][ {pnl}][ ({pnl_pct})][\n{trades} trades: {wins} won, {losses} lost][\nBest {best}, worst {worst}]"
    "[\n{symbols}]"
)

_MARK = re.compile(r"\{\{|\}\}|\[\[|\]\]|\{([^{}]*)\}|[\[\]{}]")
_DOUBLED = {"{{": "{", "}}": "}", "[[": "[", "]]": "]"}


class Segment(NamedTuple):
    """A part of a template: texts and fields in turn, a field as the only word of a tuple. What is ``optional`` goes when one of its fields is empty."""

    parts: tuple[str | tuple[str], ...]
    optional: bool

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that it names."""
        return tuple(part[0] for part in self.parts if isinstance(part, tuple))


def segments(template: str, fields: list[str], what: str) -> list[Segment]:
    """The parts of a template; ``what`` is what errors call it. Raises ConfigError for a field that there isn't, and brackets that don't match."""
    found, parts, place, inside = list[Segment](), list[str | tuple[str]](), 0, False
    for mark in _MARK.finditer(template):
        parts.append(template[place : mark.start()])
        place = mark.end()
        if mark[0] in _DOUBLED:
            parts.append(_DOUBLED[mark[0]])
        elif mark[1] is not None:
            parts.append((_known(mark[1], fields, what),))
        elif mark[0] in "{}" or (mark[0] == "[") is inside:
            raise ConfigError(
                f"{what}: {mark[0]!r} at character {mark.start() + 1} has no partner; write {mark[0] * 2!r} for the sign itself"
            )
        else:
            found.append(Segment(tuple(part for part in parts if part), inside))
            parts, inside = [], not inside
    if inside:
        raise ConfigError(f"{what}: a '[' is not closed; write '[[' for the sign itself")
    found.append(Segment(tuple(part for part in (*parts, template[place:]) if part), False))
    return [segment for segment in found if segment.parts]


def _known(name: str, fields: list[str], what: str) -> str:
    if name in fields:
        return name
    near = get_close_matches(name, fields, n=1)
    hint = f"did you mean {{{near[0]}}}?" if near else f"there are {', '.join(fields)}"
    raise ConfigError(f"{what}: there is no field {{{name}}}; {hint}")


class TemplatesConfig(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What posts say. ``{field}`` is a value, ``[...]`` is left out where a value in it is missing or hidden, and where the post would be too long, the last first.

    ``opened``: a trade that is under way, ``reduced``: an order that closed a part of it, ``closed``: a trade that is over, ``day``: a trading day.
    """

    opened: str = OPENED
    reduced: str = REDUCED
    closed: str = CLOSED
    day: str = DAY

    def of(self, kind: str) -> list[Segment]:
        """The parts of a kind's template. Raises :class:`~holdfast.errors.ConfigError`."""
        return segments(getattr(self, kind), OF_DAYS if kind == "day" else OF_TRADES, f"posts.templates.{kind}")


class XConfig(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who posts at X: the four keys of an app and its user (OAuth 1.0a), or a ``bearer`` token of the user (OAuth 2.0). All are secrets.

    ``url`` is where X's API is; an answer may take ``timeout_s``.
    """

    api_key: str | None = None
    api_secret: str | None = None
    access_token: str | None = None
    access_secret: str | None = None
    bearer: str | None = None
    url: str = "https://api.x.com"
    timeout_s: Seconds = 20.0

    @property
    def keys(self) -> tuple[str | None, ...]:
        """The four of OAuth 1.0a."""
        return self.api_key, self.api_secret, self.access_token, self.access_secret

    @property
    def is_set(self) -> bool:
        """Whether anybody can post with it."""
        return self.bearer is not None or None not in self.keys


class PostsConfig(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Posts about trades and days.

    ``show`` are the things that may be seen in them, ``timezone`` the zone of their times (left out: this machine's). They go to ``x``, or to
    ``apprise``, a target of that library such as ``mastodon://TOKEN@host``, which is a secret.
    """

    show: tuple[
        Literal[
            "side",
            "size",
            "price",
            "exits",
            "pnl",
            "pnl_pct",
            "r",
            "fees",
            "time",
            "counts",
            "strategy",
            "account",
            "equity",
        ],
        ...,
    ] = SHOWN  # type: ignore[assignment]
    timezone: str | None = None
    templates: TemplatesConfig = TemplatesConfig()
    x: XConfig = XConfig()
    apprise: str | None = None

    @property
    def visible(self) -> frozenset[str]:
        """The fields that may be seen."""
        return frozenset((*ALWAYS, *(field for word in self.show for field in GROUPS[word])))

    @property
    def targets(self) -> list[str]:
        """Where posts can go: ``x``, ``apprise``."""
        return [*(["x"] if self.x.is_set else []), *(["apprise"] if self.apprise is not None else [])]


def check_posts(posts: PostsConfig, name: str) -> None:
    """Raise ConfigError for templates, a zone or keys that can't be used."""
    for kind in TemplatesConfig.__struct_fields__:
        try:
            found = posts.templates.of(kind)
        except ConfigError as error:
            raise ConfigError(f"{name}: {error}") from None
        for segment in found:
            hidden = [field for field in segment.fields if field not in posts.visible]
            if hidden and not segment.optional:
                raise ConfigError(
                    f"{name}: posts.templates.{kind} needs {{{hidden[0]}}}, which posts.show hides; put it into [ ], or show it"
                )
    _check_zone(posts.timezone, name)
    _check_keys(posts, name)


def _check_zone(zone: str | None, name: str) -> None:
    try:
        if zone is not None:
            ZoneInfo(zone)
    except (ValueError, OSError, KeyError):
        raise ConfigError(
            f"{name}: posts.timezone: there is no time zone {zone!r}; an example: Europe/Berlin"
        ) from None


def _check_keys(posts: PostsConfig, name: str) -> None:
    x = posts.x
    given: dict[str, Any] = {
        key: value
        for key in ("api_key", "api_secret", "access_token", "access_secret")
        if (value := getattr(x, key)) is not None
    }
    if given and len(given) < 4:
        missing = next(key for key in ("api_key", "api_secret", "access_token", "access_secret") if key not in given)
        raise ConfigError(
            f"{name}: posts.x has {next(iter(given))} and no {missing}; X needs all four of them, or bearer alone"
        )
    if given and x.bearer is not None:
        raise ConfigError(f"{name}: posts.x has keys and a bearer token; leave one of the two out")
    for key, value in (*given.items(), ("bearer", x.bearer)):
        if value is not None and not isinstance(value, SecretText) and not is_whole_reference(value):
            raise ConfigError(
                f'{name}: posts.x.{key} names a secret and is none itself: write it as "secret:NAME" (docs/secrets.md)'
            )
    apprise = posts.apprise
    is_plain = apprise is not None and not isinstance(apprise, SecretText) and not is_reference(apprise)
    if apprise is not None and is_plain and ("@" in apprise or "://" not in apprise):
        raise ConfigError(
            f'{name}: posts.apprise has a key in it, or is no URL: write it as "secret:NAME" (docs/secrets.md)'
        )
    if not re.match(r"https?://[^/\s]+", x.url):
        raise ConfigError(f"{name}: posts.x.url is no web address; write it as https://api.x.com")
