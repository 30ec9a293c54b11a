"""Wording: numbers as people say them."""


def often(times: int) -> str:
    """Return how often something happened: `once`, `3 times`."""
    return "once" if times == 1 else f"{times} times"


def counted(number: int, what: str) -> str:
    """Return a number of things: `1 record`, `2,000 records`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
