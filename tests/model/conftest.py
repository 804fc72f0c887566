"""One small made-up bone for all tests of the model: every shape compiles the solver anew."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import pytest
from model.step_terms import ExaminedStep, examined_step
from model.whole_forcing import whole

from tissue.geometry.settings import SyntheticSettings
from tissue.geometry.synthetic import synthesize
from tissue.model.context import Numerics, StepContext
from tissue.model.forcing import Forcing
from tissue.model.homeostasis import healthy_state
from tissue.model.parameters import Parameters, preset
from tissue.model.state import HealthyReference, State

SPACING = 10.0


@dataclass(frozen=True)
class Tissue:
    """A healthy bone and its step."""

    state: State
    healthy: HealthyReference
    parameters: Parameters
    numerics: Numerics

    def step(
        self,
        il1_excess: float = 0.0,
        dt: float = 0.5,
        state: State | None = None,
        theta_min: float = 1.0,
        forcing: Forcing | None = None,
        **changes: Any,
    ) -> tuple[State, ExaminedStep]:
        """One step with some parameters changed; the references stay those of health.

        Acted on by a forcing, or by IL-1 alone.
        """
        # numbers of numpy have a type of their own, for which all is compiled anew
        p = replace(self.parameters, **{name: float(value) for name, value in changes.items()})
        start, acting = state or self.state, forcing or Forcing(excess={"il1": il1_excess})
        acting = whole(acting, start.bone_volume_fraction.dtype)
        context = StepContext(acting, p, self.numerics, self.healthy)
        return examined_step(start, context, float(dt), float(theta_min))

    def run(
        self, steps: int, il1_excess: float = 0.0, dt: float = 0.5, **changes: Any
    ) -> tuple[State, ExaminedStep]:
        """Several steps."""
        state, diagnostics = self.step(il1_excess, dt, **changes)
        for _ in range(steps - 1):
            state, diagnostics = self.step(il1_excess, dt, state, **changes)
        return state, diagnostics


@pytest.fixture(scope="session")
def make_tissue() -> Callable[..., Tissue]:
    made: dict[str, Any] = {}

    def make(
        *, mechanostat: bool = False, tgf_beta_chemotaxis: bool = False, **changes: Any
    ) -> Tissue:
        if not made:
            settings = SyntheticSettings((20, 22, 24), SPACING, bv_tv=0.25, thickness=50.0, seed=3)
            made["phi"] = jnp.asarray(synthesize(settings).bone_volume_fraction)
        p = replace(preset("mouse"), **changes)
        state, healthy, _ = healthy_state(
            made["phi"],
            p,
            Numerics(SPACING, 1e-11),
            load_from_density=mechanostat,
            tgf_beta_chemotaxis=tgf_beta_chemotaxis,
        )
        return Tissue(state, healthy, p, Numerics(SPACING, 1e-8))

    return make


@pytest.fixture(scope="session")
def tissue(make_tissue: Callable[..., Tissue]) -> Tissue:
    return make_tissue()
