"""The stream of changes: one tail of the journal, one encoding of each change, a bounded queue for each listener."""
