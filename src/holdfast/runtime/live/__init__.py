"""The engine on a market and at brokers that don't wait: nothing can be played again, so what was missed is asked for."""
