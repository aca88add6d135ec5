"""What can be made to go wrong at the local Alpaca, on purpose, counted and repeatable."""
