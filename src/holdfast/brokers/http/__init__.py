"""Requests to a broker over HTTP: sent once, bounded in time, held within its limits, and failures that say what is known."""
