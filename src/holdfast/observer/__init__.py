"""The process that follows the journals' tails: it reads, and hands what is new to watchers (docs/observe.md)."""
