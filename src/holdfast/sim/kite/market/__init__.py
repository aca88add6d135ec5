"""The market as Kite shows it: instruments, quotes, candles, ticks."""
