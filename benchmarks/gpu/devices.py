"""GPUs that the gate compiles for and that predictions are made for.

The target configurations in this folder hold what XLA reads from a real device; their numbers
agree with the specifications that XLA ships for its own tests (h100_sxm, a100_sxm_80).
"""

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Device:
    """GPU of the predictions.

    Attributes:
        key: name of its target configuration.
        name: common name.
        bandwidth: peak of its memory [B/s].
        share: of the peak that good stencil codes reach [1]; FluidX3D, measured by its author.
        stands_for: key of the device whose programs are taken for this one's.
    """

    key: str
    name: str
    bandwidth: float
    share: float
    stands_for: str

    @property
    def target(self) -> str:
        """Text of its target configuration."""
        return (HERE / f"{self.key}.textproto").read_text(encoding="utf-8")


H100 = Device("h100", "H100 SXM", 3.352e12, 0.80, "h100")
A100 = Device("a100", "A100 SXM 80 GB", 2.039e12, 0.77, "a100")
RTX4090 = Device("rtx4090", "RTX 4090", 1.008e12, 0.85, "a100")

COMPILED = {device.key: device for device in (H100, A100)}
PREDICTED = (H100, A100, RTX4090)
EDGES = (128, 256)
