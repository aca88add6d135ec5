"""What can be made to go wrong at a broker in a box, on purpose, counted and repeatable."""
