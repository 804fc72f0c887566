"""Disease: what is wrong with the tissue, from when on, and where."""

import math
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from tissue.errors import InputError
from tissue.model.parameters import Parameters
from tissue.scenario.paths import read_path
from tissue.scenario.schema import BoundaryTable, DiseaseTable, FacesTable, KnockoutTable

SILENCED = {
    "rankl_induction": ("a_R",),
    "opg_suppression": ("a_O",),
    "direct_osteoclastogenesis": ("a_d",),
    "osteoclast_activity": ("a_a",),
    "osteoclast_survival": ("a_s",),
    "osteoblast_differentiation": ("g_d",),
    "matrix_formation": ("g_f",),
    "osteoblast_motility": ("g_m",),
    "repulsion": ("chi_I",),
    "osteoclast_chemotaxis": ("chi_R",),
    "tnf": ("omega_T", "q_FT"),
    "tnf_to_il1": ("a_TI",),
    "tnf_direct": ("a_dT",),
    "tnf_sensitization": ("a_RT",),
    "osteomorphs": ("sigma_Q",),
}
"""The parameters that are zero where a mechanism is knocked out. The healthy state is made without
them, so that nothing but the answer to disease changes."""

KNOCKED_OUT = frozenset(name for name, out in KnockoutTable() if out)
"""What is out unless a run file switches it on."""

AXES = {"z": 0, "y": 1, "x": 2}


@dataclass(frozen=True)
class Pannus:
    """Inflamed tissue that lies against bone.

    Attributes:
        faces: of the box that it grows from.
        depth: into the box [um].
        mask: image of where it is, instead or besides.
        cells: inflammatory cells in its marrow [cells/mm^3]; None for the parameter F_0.
    """

    faces: tuple[str, ...]
    depth: float
    mask: Path | None
    cells: float | None


@dataclass(frozen=True)
class Estrogen:
    """Loss of estrogen.

    Attributes:
        loss: share lost in the end [1].
        onset: [day].
        ramp: time it takes [day]; 0 for surgery.
    """

    loss: float
    onset: float
    ramp: float

    def lost(self, time: float) -> float:
        """Share lost by a time [day]."""
        if time < self.onset:
            return 0.0
        return self.loss * (min(1.0, (time - self.onset) / self.ramp) if self.ramp else 1.0)

    def relaxation(self, time: float, p: Parameters) -> float:
        """How much of the IL-1 and TNF of estrogen loss is still made [1]."""
        late = max(time - self.onset - float(p.t_E), 0.0)
        return math.exp(-late / float(p.tau_E))


@dataclass(frozen=True)
class OpenFace:
    """What a solute finds behind a face of the box: a held value, or blood.

    Attributes:
        solute: il1, tnf, rankl or opg.
        face: as z_low.
        concentration: there [pM].
        permeability: [um/day]; None where the value is held on the face itself.
    """

    solute: str
    face: str
    concentration: float
    permeability: float | None


@dataclass(frozen=True)
class Disease:
    """All that is wrong, drugs aside.

    Attributes:
        il1_excess, il1ra_excess, tnf: uniform, above health [pM].
        inflammatory_cells: everywhere in marrow [cells/mm^3].
        rankl_production, opg_production: over the healthy ones [1].
        aging: bone balance falls with age.
        estrogen: its loss.
        pannus: inflamed tissue.
        knockout: names of what is knocked out.
        walls: open faces of the box.
    """

    il1_excess: float = 0.0
    il1ra_excess: float = 0.0
    tnf: float = 0.0
    inflammatory_cells: float = 0.0
    rankl_production: float = 1.0
    opg_production: float = 1.0
    aging: bool = False
    estrogen: Estrogen | None = None
    pannus: Pannus | None = None
    knockout: frozenset[str] = KNOCKED_OUT
    walls: tuple[OpenFace, ...] = ()

    @property
    def has_local_forcing(self) -> bool:
        """Something acts in some places only, or inflammatory cells act."""
        return bool(self.pannus or self.walls or self.inflammatory_cells)


def read_disease(
    table: DiseaseTable, knockout: KnockoutTable, boundary: BoundaryTable, folder: Path
) -> Disease:
    """Check the tables of a run file that say what is wrong.

    Raises:
        InputError: a table is incomplete or contradicts itself.
    """
    estrogen, pannus = table.estrogen, table.pannus
    if pannus and not pannus.faces and pannus.mask is None:
        raise InputError(
            "disease.pannus.faces or disease.pannus.mask must say where the pannus is, e.g. "
            "faces = ['z_low']"
        )
    walls = _walls(boundary)
    taken = [(f"boundary.{wall.solute}.{wall.face}", wall.face) for wall in walls]
    taken += [("disease.pannus.faces", face) for face in pannus.faces] if pannus else []
    for key, face in taken:
        if face[0] in boundary.periodic:
            raise InputError(
                f"boundary.periodic names {face[0]!r}, where the box meets itself, and {key} needs "
                f"the face {face} there: take one of the two out"
            )
    return Disease(
        il1_excess=table.il1_excess,
        il1ra_excess=table.il1ra_excess,
        tnf=table.tnf,
        inflammatory_cells=table.inflammatory_cells,
        rankl_production=table.rankl_production,
        opg_production=table.opg_production,
        aging=table.aging,
        estrogen=Estrogen(estrogen.loss, estrogen.onset, estrogen.ramp) if estrogen else None,
        pannus=Pannus(
            pannus.faces,
            pannus.depth,
            read_path("disease.pannus.mask", pannus.mask, folder) if pannus.mask else None,
            pannus.cells,
        )
        if pannus
        else None,
        knockout=frozenset(name for name, out in knockout if out),
        walls=walls,
    )


def silenced(disease: Disease) -> dict[str, float]:
    """Parameters that are zero because a mechanism is knocked out."""
    out = [symbols for name, symbols in SILENCED.items() if name in disease.knockout]
    return dict.fromkeys(chain.from_iterable(out), 0.0)


def face_distance(face: str, shape: tuple[int, int, int], spacing: float) -> np.ndarray:
    """Distance of voxel centers from a face of the box [um], to be broadcast to `shape`."""
    axis = AXES[face[0]]
    depth = (np.arange(shape[axis]) + 0.5) * spacing
    if face.endswith("high"):
        depth = depth[::-1]
    places = [1, 1, 1]
    places[axis] = shape[axis]
    return np.asarray(depth.reshape(places))


def _walls(boundary: BoundaryTable) -> tuple[OpenFace, ...]:
    found = []
    for solute, faces in boundary:
        if not isinstance(faces, FacesTable):
            continue
        for face, wall in faces:
            if wall is None:
                continue
            key = f"boundary.{solute}.{face}"
            if wall.value is not None and wall.permeability is None and wall.blood is None:
                found.append(OpenFace(solute, face, wall.value, None))
            elif wall.value is None and wall.permeability is not None and wall.blood is not None:
                found.append(OpenFace(solute, face, wall.blood, wall.permeability))
            else:
                raise InputError(
                    f"{key} must have either value, which is held there, or permeability and "
                    "blood for exchange with blood"
                )
    return tuple(found)
