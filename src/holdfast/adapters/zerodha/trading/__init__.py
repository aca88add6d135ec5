"""One account: orders out, what became of them, what it holds and what that cost."""
