"""Keys of the run file come from the registries of the model: an entry there is enough."""

import subprocess
import sys

CODE = """
from dataclasses import replace
from tissue.model import drugs, mechanisms, species

species.SOLUTES["il6"] = replace(
    species.SOLUTES["tnf"], name="il6", long_name="IL-6", molar_mass=21e3, excess_key="il6"
)
drugs.DRUGS["golimumab"] = drugs.DRUGS["adalimumab"]
mechanisms.MECHANISMS["il6_induction"] = mechanisms.Mechanism("IL-6 does something", ("a_R",))

from tissue.scenario.config import read_run_file
from tissue.scenario.resolved import resolved_keys

config = read_run_file({
    "run": {"duration": "28 day"},
    "geometry": {"synthetic": {}},
    "disease": {"il6": [{"from": "0 day", "to": "2 day", "value": "21 pg/mL"}]},
    "boundary": {"il6": {"z_low": {"value": "3 pM"}}},
    "knockout": {"il6": True},
    "mechanisms": {"il6_induction": False},
    "therapy": [{"drug": "golimumab", "dose": "1 mg/kg"}],
    "output": {"fields": ["il6"]},
})
assert config.disease.excess["il6"].at(1) == 1
assert config.boundary.walls["il6"]["z_low"].concentration == 3
assert config.knockout.genes == {"il6"}
assert config.acting.a_R == 0
assert config.output.fields == ("il6",)
assert {"disease.il6[1].to", "boundary.il6.z_low.value"} <= resolved_keys(config).keys()
"""


def test_entries_are_keys_with_no_other_edit() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
