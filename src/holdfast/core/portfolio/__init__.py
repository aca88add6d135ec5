"""Positions, cash and profit, exact, with a ledger for each strategy."""
