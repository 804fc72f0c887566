"""Pure, jitted array functions on voxel grids: no biology, no files, any grid shape.

Every function keeps the precision of its arrays. JAX's 64-bit mode is switched on, so that runs in
float64 are possible and sums over a grid are accumulated in float64 in either precision.
"""

import jax

jax.config.update("jax_enable_x64", True)
