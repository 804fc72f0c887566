"""Size of a box of bone in distances between trabeculae."""

from collections.abc import Sequence

BOX_SPACINGS = 5.0
"""Edge of a box over the distance of trabeculae from which their mean properties hold [1].

Harrigan 1988, J Biomech 21:269: three to five (remembered).
"""


def box_in_spacings(edges: Sequence[float], thickness: float, separation: float) -> float:
    """Shortest edge of a box over the mean distance of trabeculae, Tb.Th + Tb.Sp [1].

    Args:
        edges: of the box.
        thickness: mean Tb.Th, in the same unit.
        separation: mean Tb.Sp, in the same unit.
    """
    return min(edges) / (thickness + separation)
