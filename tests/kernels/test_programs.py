"""Numbers go to the devices in one call, and come back in one message, as they were."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tissue.kernels.programs import put_numbers, read_numbers

MIXED: dict[str, Any] = {
    "length": 0.1,
    "count": 3,
    "precise": np.float32(0.1),
    "row": np.arange(3.0),
    "absent": None,
}


def test_numbers_on_the_device_keep_their_types() -> None:
    sent = put_numbers(MIXED, None)
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(sent))
    narrow = jnp.ones(2, jnp.float32)
    for name, dtype in (("length", "float32"), ("precise", "float32"), ("row", "float64")):
        assert (narrow[:, None] * sent[name]).dtype == dtype, name
    assert sent["absent"] is None


def test_fields_stay_where_they_are() -> None:
    field = np.zeros((2, 3, 4))
    assert put_numbers({"field": field, "number": 1.0}, None)["field"] is field


def test_numbers_read_back_are_equal() -> None:
    given = put_numbers(MIXED, None) | {"no": jnp.asarray(False), "nan": jnp.float32(jnp.nan)}
    read = read_numbers(given)
    assert read["count"] == 3
    assert read["count"].dtype == "int64"
    assert read["length"] == 0.1
    assert read["precise"] == np.float32(0.1)
    assert read["precise"].dtype == "float32"
    np.testing.assert_array_equal(read["row"], MIXED["row"])
    assert not read["no"]
    assert np.isnan(read["nan"])
    assert read["absent"] is None
