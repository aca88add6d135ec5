"""Posts for X: what a trade or a day came to, in 280 weighted characters, written by templates and sent once."""
