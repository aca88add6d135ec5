"""What a broker's own adapter and its market data have in common: settings, sessions, symbols, the shape of answers."""
