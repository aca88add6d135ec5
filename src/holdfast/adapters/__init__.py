"""Brokers that Holdfast trades at: a folder for each."""
