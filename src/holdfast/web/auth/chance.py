"""Secrets that the web process makes, and what is kept of them."""

import hashlib
import secrets

ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
"""Letters and digits that no eye takes for one another."""


def secret() -> str:
    """256 bits of chance, as a text for cookies and headers."""
    return secrets.token_urlsafe(32)


def short(length: int) -> str:
    """A text that people can compare, of five bits a character."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def digest(text: str) -> str:
    """What is kept of a secret that is only to be recognised."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
