"""What goes wrong at the local Kite, on purpose, counted and repeatable."""
