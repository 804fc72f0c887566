"""Pure, jitted array functions on voxel grids: no biology, no files, any grid shape.

Every function keeps the precision of its arrays. JAX's 64-bit mode is switched on, so that runs in
float64 are possible and sums over a grid are accumulated in float64 in either precision. Products
of matrices keep it too: by default a GPU rounds their factors to the ten bits of TF32
(https://docs.jax.dev/en/latest/201/precision.html).
"""

import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_default_matmul_precision", "highest")
