"""What to do about the exceptions that first strategies raise."""

_HINTS = {
    (
        "TypeError",
        "NoneType",
    ): "what isn't known yet is None, such as an indicator's value before it has its bars: ask first",
    (
        "TypeError",
        "decimal.Decimal",
        "float",
    ): "money and quantities are Decimal, prices float: write float(context.cash)",
}


def hint_of(detail: str) -> str:
    """Words to put behind an exception's text, in brackets; empty for most."""
    for signs, hint in _HINTS.items():
        if all(sign in detail for sign in signs):
            return f" ({hint})"
    return ""
