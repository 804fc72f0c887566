"""Exchange of solutes with the outside through open walls of the box."""


def held_exchange(diffusivity: float, spacing: float) -> float:
    """k_w = 2 D / h^2 [1/day], of a voxel with a concentration held on its outer face.

    Args:
        diffusivity: D of the solute [um^2/day].
        spacing: h, the edge of a voxel [um]; its center lies h / 2 from the face.
    """
    return 2 * diffusivity / spacing**2


def blood_exchange(permeability: float, spacing: float) -> float:
    """k_w = p / h [1/day], of a voxel with blood behind its outer face.

    Args:
        permeability: p of the wall [um/day].
        spacing: h, the edge of a voxel [um].
    """
    return permeability / spacing
