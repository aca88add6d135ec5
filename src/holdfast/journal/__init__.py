"""What is durable: the writer, the reader, the hash chain, who may trade, and the mailbox for commands.

The names below are loaded when they are asked for: who reads a journal needs nothing of what writes one.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.journal.batch import Batch, CommandAnswer, PositionRow
    from holdfast.journal.commands import CommandQueue, answer_of, file_command
    from holdfast.journal.holder import is_running
    from holdfast.journal.lease import LeaseTerm
    from holdfast.journal.reader import AccountPosition, AccountRow, CommandRow, FillRow, OrderRow, Reader
    from holdfast.journal.verify import AccountCheck, Verification
    from holdfast.journal.writer import Journal

_MODULES = {
    "batch": ("Batch", "CommandAnswer", "PositionRow"),
    "commands": ("CommandQueue", "answer_of", "file_command"),
    "holder": ("is_running",),
    "lease": ("LeaseTerm",),
    "reader": ("AccountPosition", "AccountRow", "CommandRow", "FillRow", "OrderRow", "Reader"),
    "verify": ("AccountCheck", "Verification"),
    "writer": ("Journal",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AccountCheck",
    "AccountPosition",
    "AccountRow",
    "Batch",
    "CommandAnswer",
    "CommandQueue",
    "CommandRow",
    "FillRow",
    "Journal",
    "LeaseTerm",
    "OrderRow",
    "PositionRow",
    "Reader",
    "Verification",
    "answer_of",
    "file_command",
    "is_running",
]


def __getattr__(name: str) -> Any:
    """A name of a module inside."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
