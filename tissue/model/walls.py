"""Exchange of solutes with the outside through open walls of the box."""


def held_exchange(diffusivity: float, spacing: float) -> float:
    """Exchange rate [1/day] of a voxel with a concentration held on its outer face.

    (k_w) k_w = 2 D / dx^2

    Args:
        diffusivity: D of the solute [um^2/day].
        spacing: dx, the edge of a voxel [um]; its center lies dx / 2 from the face.
    """
    return 2 * diffusivity / spacing**2


def blood_exchange(permeability: float, spacing: float) -> float:
    """Exchange rate [1/day] of a voxel with blood behind its outer face.

    (k_b) k_b = permeability / dx

    Args:
        permeability: of the wall [um/day].
        spacing: dx, the edge of a voxel [um].
    """
    return permeability / spacing
