"""Market data of Alpaca: as it comes, and asked for."""
