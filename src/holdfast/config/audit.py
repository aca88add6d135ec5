"""The section ``[audit]``: where the journal's head is anchored, and by whose key (docs/audit.md)."""

from holdfast.core.ranges import Ranged, Seconds


class AuditConfig(Ranged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the journal's head is anchored.

    ``anchor_file`` is what `holdfast audit anchor` adds to, and `audit verify` and `status` look at; ``key`` is the public key that has to
    have signed it. ``anchor_every_s``: so often `holdfast observe` adds to it by itself (left out: never), signed where there is a ``key``.
    """

    anchor_file: str | None = None
    anchor_every_s: Seconds | None = None
    key: str | None = None
