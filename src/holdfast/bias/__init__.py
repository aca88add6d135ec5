"""Whether a strategy decides by what it could know: poisoned futures and shortened histories (docs/lookahead.md)."""
