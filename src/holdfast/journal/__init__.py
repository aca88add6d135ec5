"""What is durable: the writer, the reader, the hash chain, who may trade, and the mailbox for commands."""

from holdfast.journal.batch import Batch, CommandAnswer, PositionRow
from holdfast.journal.commands import CommandQueue, answer_of, file_command
from holdfast.journal.lease import Tenure, is_running
from holdfast.journal.reader import AccountPosition, AccountRow, CommandRow, FillRow, OrderRow, Reader
from holdfast.journal.verify import AccountCheck, Verification, verify
from holdfast.journal.writer import Journal

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
    "OrderRow",
    "PositionRow",
    "Reader",
    "Tenure",
    "Verification",
    "answer_of",
    "file_command",
    "is_running",
    "verify",
]
