"""The command line: ``app`` is all that can be typed, the other modules do it. Nothing here decides anything about trading."""
