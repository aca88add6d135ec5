"""What one web process has: its configuration, its build, and the readers of its journal."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from holdfast.config import AccountConfig, Config
from holdfast.config.rereading import WEB, Rereader
from holdfast.journal.lists import ListReader
from holdfast.views.chain import Chain
from holdfast.views.pipeline import Pipelines
from holdfast.web.alert_book import AlertBook
from holdfast.web.asked import Asked
from holdfast.web.demo import Demo
from holdfast.web.errors import NotFound
from holdfast.web.following import Following
from holdfast.web.reading import Reading
from holdfast.web.reloading import Reloading
from holdfast.web.saved import Saved

if TYPE_CHECKING:
    from holdfast.views.candles import Charts
    from holdfast.web.measuring import Measuring


class Web:
    """Made once by `app.create_app`; every request gets it by ``Here``. ``build`` names the page's files: it changes with any of them. ``load`` reads the configuration again."""

    def __init__(
        self, config: Config, build: str, demo: Demo | None = None, load: Callable[[], Config] | None = None
    ) -> None:
        self.config = config
        self.build = build
        self.demo = demo
        self.reading = Reading(config)
        self.asked = Asked(config.web.url)
        self.saved = Saved(Path(config.web.results))
        self.following = Following(config, self.reading)
        self.chain = Chain()
        self.pipelines = Pipelines(config)
        self.alerts = AlertBook(config)
        self.reloading = Reloading(Rereader(WEB, config, load or (lambda: config)), self._take)

    @cached_property
    def charts(self) -> "Charts":
        """Candles, read once for all who look."""
        from holdfast.views.candles import Charts

        return Charts(self.config)

    @cached_property
    def measures(self) -> "Measuring":
        """What strategies measure, in processes beside this one."""
        from holdfast.web.measuring import Measuring

        return Measuring(self.config)

    def _take(self, config: Config) -> None:
        """Go by another configuration of the same accounts from now on."""
        self.config = config
        self.pipelines.take(config)
        self.alerts.take(config)

    def close(self) -> None:
        """End what was begun beside this process."""
        if "measures" in self.__dict__:
            self.measures.close()
        self.alerts.close()

    def recorded(self, reader: ListReader, account: str | None = None) -> list[str]:
        """The accounts of the configuration that the journal has, or the one of them that is named. Raises `NotFound`."""
        wanted = [one.name for one in self.config.accounts] if account is None else [self.account(account).name]
        known = {row.account for row in reader.accounts()}
        return [name for name in wanted if name in known]

    def account(self, name: str) -> AccountConfig:
        """An account of the configuration. Raises :class:`~holdfast.web.errors.NotFound`."""
        for account in self.config.accounts:
            if account.name == name:
                return account
        known = ", ".join(account.name for account in self.config.accounts) or "none"
        raise NotFound(f"the configuration has no account {name!r}; it has {known}")


def _web_of(request: Request) -> Web:
    web = request.app.state.web
    assert isinstance(web, Web)  # noqa: S101 - create_app put it there
    return web


Here = Annotated[Web, Depends(_web_of)]
