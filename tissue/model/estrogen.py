"""Loss of estrogen and aging: factors over the time of a run."""

import math

from tissue.model.parameters import Parameters


def estrogen_loss(time: float, loss: float, onset: float, ramp: float) -> float:
    """Share of estrogen that is lost [1].

    (l) l = loss min(1, (time - onset) / ramp) from the onset on, 0 before

    Args:
        time: [day].
        loss: share lost in the end [1].
        onset: start of the loss [day].
        ramp: duration of the loss [day]; 0 for surgery.
    """
    if time < onset:
        return 0.0
    return loss * (min(1.0, (time - onset) / ramp) if ramp else 1.0)


def estrogen_relaxation(time: float, onset: float, p: Parameters) -> float:
    """Share of the TNF, IL-1, RANKL and OPG of estrogen loss that is still made [1].

    (h) h = exp(-max(time - onset - t_E, 0) / tau_E)

    Args:
        time: [day].
        onset: start of the loss [day].
        p: parameters.
    """
    late = max(time - onset - float(p.t_E), 0.0)
    return math.exp(-late / float(p.tau_E))


def aging_factor(time: float, p: Parameters) -> float:
    """Bone formed per bone resorbed over that at the start [1], at a time [day].

    (age) factor of age on b_a = exp(-r_age time)
    """
    return math.exp(-float(p.r_age) * time)
