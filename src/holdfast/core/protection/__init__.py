"""Stop-loss and take-profit orders for what is filled."""
