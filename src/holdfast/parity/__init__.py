"""What a recorded session did against what a backtest of it does, trade by trade and to the cent."""
