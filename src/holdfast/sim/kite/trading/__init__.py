"""Orders, trades, positions, holdings, money, and triggers (GTT)."""
