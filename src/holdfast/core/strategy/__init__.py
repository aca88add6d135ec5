"""What strategies are written against, and their host."""
