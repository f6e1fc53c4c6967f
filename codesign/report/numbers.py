"""How numbers are written for people."""


def number(value: int | float) -> str:
    """A count, or a mean of counts to two places."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def amount(value: float) -> str:
    """Any quantity: whole numbers in full, from a thousand on without decimals, others to four digits."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:,.4g}"
