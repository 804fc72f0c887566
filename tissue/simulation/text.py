"""Durations and sizes as text, in a suitable unit."""


def duration(seconds: float) -> str:
    """Duration [s] in the unit that suits it."""
    for unit, length, most in (("s", 1, 120), ("min", 60, 120), ("h", 3600, 48)):
        if seconds < most * length:
            number = seconds / length
            return f"{number:.0f} {unit}" if number >= 10 else f"{number:.2g} {unit}"
    return f"{seconds / 86400:.0f} days"


def size(number: int) -> str:
    """Number of bytes in the unit that suits it."""
    value = float(number)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} TB"
