"""The core: decides, deterministically; imports nothing else of ours but the errors."""
