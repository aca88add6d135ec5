"""The section ``[observer]``: how the journals' tails are followed."""

from typing import Annotated

from holdfast.core.ranges import Ranged, Within


class ObserverConfig(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How ``holdfast observe`` follows the journal (docs/observe.md).

    ``url`` is the database that it keeps for itself (how far it has told, alerts), left out: ``holdfast-observer.db`` beside the
    configuration. It looks every ``every_s``.
    """

    url: str = "sqlite:///holdfast-observer.db"
    every_s: Annotated[float, Within(0.05, 60)] = 0.5
