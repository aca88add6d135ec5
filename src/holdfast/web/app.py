"""The application: routes, errors, headers, and what they rest on. No globals: two applications can live beside each other."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware.gzip import GZipMiddleware

from holdfast import __version__
from holdfast.config import Config
from holdfast.web import errors, pages, schemas
from holdfast.web.api import (
    about,
    accounts,
    actions,
    alert_actions,
    alerts,
    audit,
    audit_export,
    backtests,
    commands,
    fills,
    health,
    hooks,
    keys,
    login,
    market,
    news,
    orders,
    performance,
    pipeline,
    placing,
    positions,
    protection,
    risk,
    settings,
    steering,
    strategies,
    stream,
    totp,
    unresolved,
    users,
)
from holdfast.web.api import demo as demo_api
from holdfast.web.auth.access import Access
from holdfast.web.auth.guard import Guard
from holdfast.web.auth.sealing import sealing_of
from holdfast.web.auth.store import Clock, Store
from holdfast.web.auth.tokens import secret_key
from holdfast.web.context import Web
from holdfast.web.demo import Demo
from holdfast.web.names import KeepSlashes
from holdfast.web.security import SecurityHeaders
from holdfast.web.stream.hub import Hub
from holdfast.web.stream.tail import Tail

API = "/api/v1"
SUBJECTS = (
    about,
    accounts,
    performance,
    alerts,
    news,
    orders,
    placing,
    fills,
    positions,
    strategies,
    risk,
    protection,
    unresolved,
    pipeline,
    audit,
    audit_export,
    market,
    backtests,
    settings,
    actions,
    alert_actions,
    steering,
    commands,
    stream,
    demo_api,
    login,
    totp,
    users,
    keys,
    hooks,
)
"""Each has a ``router``."""
WORDS = "Everything that the page shows, and everything that can be asked for (docs/web.md)."


def create_app(
    config: Config,
    now_ns: Clock = time.time_ns,
    demo: Demo | None = None,
    load: Callable[[], Config] | None = None,
) -> FastAPI:
    """The web process of a configuration, to be served. The journal need not be there yet.

    ``now_ns`` is the time by which logins, tokens and signatures are good; ``load`` reads the configuration again. Raises :class:`~holdfast.errors.ConfigError` for a weak
    ``JWT_SECRET_KEY``.
    """
    key = secret_key(configured=config.web.access.token_secret)
    access = Access(config.web.access, Store(config.web.url, now_ns, sealing_of(config)), key)
    app = FastAPI(
        title="Holdfast",
        version=__version__,
        description=WORDS,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
        lifespan=_life,
    )
    web = Web(config, pages.build_of(), demo, load)
    app.state.web, app.state.hub, app.state.access = web, Hub(), access
    app.state.tail = Tail(web, app.state.hub)
    errors.install(app)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.add_middleware(Guard, config=config.web.access, is_open=access.is_open)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(KeepSlashes)
    app.include_router(health.router)
    app.include_router(_api())
    app.include_router(pages.router)
    app.openapi = lambda: _description(app)  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    """Follow the journal while the process serves."""
    app.state.tail.start()
    app.state.web.following.start()
    try:
        yield
    finally:
        app.state.hub.close()
        app.state.tail.stop()
        app.state.web.following.stop()
        app.state.web.close()
        app.state.access.close()


def _api() -> APIRouter:
    api = APIRouter(prefix=API, responses=schemas.ERRORS)
    for subject in SUBJECTS:
        api.include_router(subject.router)
    return api


def _description(app: FastAPI) -> dict[str, Any]:
    """The API's description, with the views that routes answer with."""
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        found.setdefault("components", {}).setdefault("schemas", {}).update(schemas.components())
        app.openapi_schema = found
    return app.openapi_schema
