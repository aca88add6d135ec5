"""Routers of ``/api/v1``, one file a subject; each route names its permission."""

from holdfast.web import names as names  # before any route is made
