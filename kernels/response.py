"""Saturation and inhibition curves, element by element."""

from jax import Array
from jaxtyping import Float

Scalar = Float[Array, ""] | float | int
Values = Float[Array, "..."]


def saturation(signal: Values, half: Values | float) -> Values:
    """Michaelis-Menten fraction in [0, 1), 1/2 at signal = `half` (same unit)."""
    return signal / (signal + half)


def hill_activation(signal: Values, half: Scalar, exponent: Scalar) -> Values:
    """Hill fraction in [0, 1), 1/2 at signal = `half`, steeper for larger exponents."""
    power = signal**exponent
    return power / (power + half**exponent)


def hill_repression(signal: Values, strength: Scalar, exponent: Scalar) -> Values:
    """Factor 1 / (1 + strength signal^exponent): 1 without the signal, falling with it."""
    return 1 / (1 + strength * signal**exponent)
