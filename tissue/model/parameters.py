"""Every number of the model, with its unit, its range and where it comes from.

An attribute is named by the symbol that the equations use. Values are stored in the units used
inside (um, day, pM, cells/mm^3 of marrow, cells/mm^2 of bone surface). `Parameters` is a JAX
pytree whose leaves are traced: a function compiled for one set runs for any other without
compiling again, and a sweep of the responses is a `jax.vmap` over
`dataclasses.replace(parameters, EC50=value)`.

The numbers themselves stand in `tissue_table` and `disease_table`.
"""

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import jax
from jax import Array

from tissue import units
from tissue.errors import InputError, printable, shown
from tissue.model.disease_table import DiseaseParameters
from tissue.model.quantity import Quantity, Scalar
from tissue.model.tissue_table import TissueParameters

__all__ = ["PRESETS", "QUANTITIES", "Parameters", "Scalar", "describe", "override", "preset"]


class ParameterInfo(NamedTuple):
    """A parameter of a preset as shown to people, in the unit its source uses."""

    symbol: str
    name: str
    unit: str
    value: float
    low: float
    high: float
    source: str
    confidence: str


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class Parameters(DiseaseParameters, TissueParameters):  # lists those of the last base first
    """The parameters of the model, healthy densities and concentrations included."""

    def __repr__(self) -> str:
        differing = min((_differing(self, name) for name in PRESETS), key=lambda each: len(each[1]))
        shown = [
            f"{symbol}={value:.6g}" if isinstance(value, float) else f"{symbol}=..."
            for symbol, value in list(differing[1].items())[:REPR_VALUES]
        ]
        more = len(differing[1]) - len(shown)
        return (
            f"Parameters({', '.join([repr(differing[0]), *shown])}{f', {more} more' * (more > 0)})"
        )

    @property
    def k_res(self) -> Scalar:
        """Velocity of resorption per osteoclast density [um mm^2/cell/day]."""
        return self.v_0 / self.C_0

    @property
    def k_form(self) -> Scalar:
        """Velocity of formation per osteoblast density [um mm^2/cell/day]."""
        return self.v_0 / self.B_0

    @property
    def E_0(self) -> Scalar:
        """Healthy coupling store, resorbed matrix per surface [um]."""
        return self.v_0 / self.k_E

    @property
    def s_0(self) -> Scalar:
        """Healthy IL-1 signal, at I_0 and A_0 [1]."""
        reach = self.I_0 * self.potency(self.A_0)
        return reach / (1 + reach)

    @property
    def s_B0(self) -> Scalar:
        """Healthy IL-1 signal of sensitive cells, at I_0 and A_0 [1]."""
        reach = self.I_0 * self.potency(self.A_0) * self.EC50 / self.EC50_B
        return reach / (1 + reach)

    def potency(self, antagonist: Array | float, beta: Array | float = 1.0) -> Array | float:
        """Ratio s / (1 - s) per pM of IL-1 [1/pM], against an antagonist [pM].

        (potency) potency(A, v) = v (1 - alpha) / (EC50 (1 + A/K_A))
        + alpha / (EC50_alpha (1 + A/K_A_alpha))

        The two forms of IL-1 bind the same receptor; each has its own half-effect level and its
        own resistance to the antagonist (Gaddum, with functional EC50s).

        Args:
            antagonist: IL-1Ra A [pM].
            beta: share v of IL-1 beta that an antibody leaves free [1].
        """
        beta = beta * (1 - self.alpha_share) / (self.EC50 * (1 + antagonist / self.K_A))
        alpha = self.alpha_share / (self.EC50_alpha * (1 + antagonist / self.K_A_alpha))
        return alpha + beta

    @property
    def w_P(self) -> Scalar:
        """Share of the RANKL source from osteoblast precursors [1]."""
        return 1 - self.w_Y

    @property
    def v_P(self) -> Scalar:
        """Share of the OPG source from osteoblast precursors, the stroma [1]."""
        return 1 - self.v_B

    @property
    def k_L0(self) -> Scalar:
        """Healthy activation of lining cells [1/day]."""
        return self.w_L * self.delta_B * self.B_0 / self.L_0

    @property
    def f_L(self) -> Scalar:
        """Share of retiring osteoblasts that become lining cells, which keeps these at L_0 [1]."""
        return self.w_L + self.delta_L * self.L_0 / (self.delta_B * self.B_0)

    @property
    def S_I0(self) -> Scalar:
        """Healthy IL-1 production per marrow volume [pM/day]."""
        return self.k_I * self.I_0

    @property
    def S_R0(self) -> Scalar:
        """Healthy RANKL production per marrow volume [pM/day]."""
        return self.R_0 * (self.k_R + self.kappa * self.O_0)

    @property
    def S_O0(self) -> Scalar:
        """Healthy OPG production per marrow volume [pM/day]."""
        return self.O_0 * (self.k_O + self.kappa * self.R_0)


QUANTITIES: dict[str, Quantity] = {
    field.name: field.metadata["quantity"] for field in dataclasses.fields(Parameters)
}
PRESETS = ("mouse", "human")
REPR_VALUES = 6
"""Largest number of values that the text of `Parameters` shows."""


def preset(name: str) -> Parameters:
    """Give the parameters of a species, as plain floats.

    Args:
        name: "mouse" or "human".

    Raises:
        InputError: there is no such preset.
    """
    _check_preset(name)
    return Parameters(**{symbol: about.presets[name].value for symbol, about in QUANTITIES.items()})


def _differing(parameters: Parameters, species: str) -> tuple[str, dict[str, Scalar]]:
    """A species, and the parameters that differ from its preset."""
    values = {symbol: getattr(parameters, symbol) for symbol in QUANTITIES}
    return species, {
        symbol: value
        for symbol, value in values.items()
        if not isinstance(value, float) or value != QUANTITIES[symbol].presets[species].value
    }


def describe(name: str, parameters: Parameters | None = None) -> tuple[ParameterInfo, ...]:
    """List everything about the parameters of a preset, in the units of their sources.

    Args:
        name: "mouse" or "human".
        parameters: values to list, such as those of a run; those of the preset by default.

    Raises:
        InputError: there is no such preset.
    """
    _check_preset(name)
    values = preset(name) if parameters is None else parameters
    return tuple(
        _info(symbol, about, name, float(getattr(values, symbol)))
        for symbol, about in QUANTITIES.items()
    )


def override(
    parameters: Parameters, values: Mapping[str, object], *, species: str | None = None
) -> tuple[Parameters, tuple[str, ...]]:
    """Replace parameters by values given as in a run file.

    Args:
        parameters: what to start from.
        values: quantities with their unit, such as ``{"D_M": "20000 um^2/day"}``; pure numbers
            may be plain numbers.
        species: preset whose ranges warnings refer to; by default the ranges of both.

    Returns:
        The new parameters, and a sentence for every value outside its plausible range,
        in the order of the table.

    Raises:
        InputError: a key is unknown, or its value cannot be read or used.
    """
    numbers = {symbol: _read(symbol, value) for symbol, value in values.items()}
    warnings = (
        _out_of_range(symbol, numbers[symbol], species)
        for symbol in QUANTITIES
        if symbol in numbers
    )
    changed = dataclasses.replace(parameters, **numbers)
    if changed.f_L > 1:
        raise InputError(
            f"parameters.delta_L, L_0, w_L: {float(changed.f_L):.3g} lining cells would have to "
            "come from each osteoblast that retires, which must be at most 1: give a lower "
            "delta_L or L_0"
        )
    return changed, tuple(filter(None, warnings))


def as_text(parameters: Parameters) -> dict[str, str]:
    """Write every parameter so that `override` reads the very same value back."""
    return {
        symbol: units.exact(float(getattr(parameters, symbol)), about.unit, about.shown)
        for symbol, about in QUANTITIES.items()
    }


def _check_preset(name: str) -> None:
    if name not in PRESETS:
        near = difflib.get_close_matches(name.lower(), PRESETS, n=1)
        hint = f", did you mean {near[0]!r}?" if near else "; it must be 'mouse' or 'human'"
        raise InputError(f"the preset {name!r} does not exist{hint}")


def _info(symbol: str, about: Quantity, species: str, number: float) -> ParameterInfo:
    _, *ends = about.presets[species]
    value, low, high = (_shown(each, about) for each in (number, *ends))
    return ParameterInfo(
        symbol, about.name, about.shown, value, low, high, about.source, about.confidence
    )


def _shown(number: float, about: Quantity) -> float:
    return units.parse(units.exact(number, about.unit), about.shown)


def _read(symbol: str, value: object) -> float:
    key = f"parameters.{printable(symbol)}"
    if symbol not in QUANTITIES:
        raise InputError(f"{key} is not a known parameter{_nearest(symbol)}")
    about = QUANTITIES[symbol]
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InputError(f"{key} = {shown(value)} is not a quantity, e.g. {_example(about)}")
    # Python refuses to write out a whole number of thousands of digits
    text = shown(value) if isinstance(value, int) else str(value)
    try:
        units.parse(text, about.shown)  # so that an error speaks of the unit people see
        number = units.parse(text, about.unit)
    except units.UnitError as error:
        raise InputError(f"{key}: {error} ({_range(about)})") from None
    if not about.allowed.admits(number):
        raise InputError(f"{key} = {shown(value)} must be {about.allowed.words} ({_range(about)})")
    return number


def _nearest(symbol: str) -> str:
    """A hint at known parameters that differ in case or spelling, or whose name is meant."""
    by_case = [known for known in QUANTITIES if known.lower() == symbol.lower()]
    by_spelling = difflib.get_close_matches(symbol, QUANTITIES, n=1, cutoff=0.6)
    words = symbol.replace("_", " ").lower()
    by_words = [known for known, about in QUANTITIES.items() if words in about.name.lower()]
    names = {about.name.lower(): known for known, about in QUANTITIES.items()}
    by_name = [names[name] for name in difflib.get_close_matches(words, names, n=1, cutoff=0.5)]
    for found in (by_case, by_spelling, by_words if len(words) > 2 else [], by_name):
        if found:
            meant = " or ".join(f"{known} ({QUANTITIES[known].name})" for known in found[:2])
            return f", did you mean {meant}?"
    return f"; known are {', '.join(QUANTITIES)}"


def _example(about: Quantity) -> str:
    text = units.exact(about.presets["mouse"].value, about.unit, about.shown)
    return text if about.unit == "1" else f'"{text}"'


def _range(about: Quantity, species: str | None = None) -> str:
    low, high = _limits(about, species)
    low_text, high_text = (units.format(_shown(end, about), "1") for end in (low, high))
    unit = "" if about.shown == "1" else f" {about.shown}"
    return f"plausible range {low_text} to {high_text}{unit}"


def _limits(about: Quantity, species: str | None) -> tuple[float, float]:
    entries = [about.presets[name] for name in ((species,) if species else PRESETS)]
    return min(entry.low for entry in entries), max(entry.high for entry in entries)


def _out_of_range(symbol: str, number: float, species: str | None) -> str | None:
    about = QUANTITIES[symbol]
    low, high = _limits(about, species)
    if low <= number <= high:
        return None
    value = units.format(_shown(number, about), about.shown)
    return f"parameters.{symbol} = {value} is outside its {_range(about, species)}"
