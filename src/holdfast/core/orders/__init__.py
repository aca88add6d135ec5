"""Orders: their life as a table, and the book of our own."""
