"""What a running engine shows of itself: logs without secrets, and metrics."""
