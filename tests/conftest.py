"""Shape and type annotations of the kernels are checked while the tests run."""

from jaxtyping import install_import_hook

install_import_hook(["tissue.kernels"], "beartype.beartype")
