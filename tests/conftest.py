"""Shape and type annotations of the kernels are checked while the tests run."""

import os
from pathlib import Path

from jaxtyping import install_import_hook

# the command sets this before it loads JAX; here JAX is there before any command
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["XDG_CACHE_HOME"] = str(Path(__file__).resolve().parents[1] / ".pytest_cache" / "home")

install_import_hook(["tissue.kernels"], "beartype.beartype")
