"""What all messages have in common."""

import msgspec


class Body(msgspec.Struct, frozen=True, tag_field="type", tag=True, omit_defaults=True, gc=False):
    """Base of all that travels in an envelope. The class name is the type on the wire."""
