"""An exchange in memory. It knows orders and market data, and nothing of accounts, cash or positions."""
