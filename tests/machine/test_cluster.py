"""The place of a process among those of a run, from SLURM, Open MPI or the user."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tissue.errors import InputError
from tissue.machine.cluster import Place, own_gpus, place_of

# as srun sets them for the third of six tasks on three nodes
SLURM = {
    "SLURM_JOB_ID": "4100",
    "SLURM_STEP_ID": "1",
    "SLURM_PROCID": "2",
    "SLURM_NTASKS": "6",
    "SLURM_STEP_NODELIST": "gpu[03-04,07]",
    "SLURM_STEP_TASKS_PER_NODE": "2(x3)",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "1",
}
# as mpirun of Open MPI 4 sets them
OPEN_MPI = {
    "OMPI_COMM_WORLD_RANK": "3",
    "OMPI_COMM_WORLD_SIZE": "4",
    "OMPI_COMM_WORLD_LOCAL_RANK": "1",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
    "OMPI_MCA_orte_hnp_uri": "1314521088.0;tcp://10.96.0.1,10.148.0.1:34911",
}


def test_slurm_gives_the_place() -> None:
    port = 61_440 + (4100 + 7) % 4096
    assert place_of(SLURM) == Place("gpu03", port, 2, 6, local=0, on_host=2)


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("n1", "n1"),
        ("n1,n2", "n1"),
        ("rack1-n[07,09-12],x2", "rack1-n07"),
        ("a[1-2]-ib,b", "a1-ib"),
    ],
)
def test_process_0_is_on_the_first_node(nodes: str, first: str) -> None:
    assert place_of(SLURM | {"SLURM_STEP_NODELIST": nodes}).host == first


def test_nodes_may_have_different_numbers_of_tasks() -> None:
    counts = {"SLURM_STEP_TASKS_PER_NODE": "4(x2),3,1"}
    found = [place_of(SLURM | counts | {"SLURM_NODEID": f"{i}"}).on_host for i in range(5)]
    assert found == [4, 4, 3, 1, None]


def test_open_mpi_gives_the_place_even_where_it_uses_srun() -> None:
    port = 61_440 + 1314521088 // 4096 % 4096
    expected = Place("10.96.0.1", port, 3, 4, local=1, on_host=2)
    assert place_of(SLURM | OPEN_MPI) == expected
    uri = {"OMPI_MCA_orte_hnp_uri": "8192.0;tcp6://[fe80::b9b:1,2620:10d::2]:43370"}
    assert place_of(OPEN_MPI | uri)[:2] == ("fe80::b9b:1", 61_442)


def test_two_steps_of_a_job_have_different_ports() -> None:
    ports = {place_of(SLURM | {"SLURM_STEP_ID": f"{i}"}).port for i in range(20)}
    assert len(ports) == 20


@pytest.mark.parametrize("variables", [SLURM, OPEN_MPI])
def test_the_coordinator_of_the_user_counts_more(variables: Mapping[str, str]) -> None:
    assert place_of(variables, "10.0.0.5:7000")[:2] == ("10.0.0.5", 7000)


def test_the_user_gives_the_place() -> None:
    assert place_of({}, "node1:61000", 2, 1) == Place("node1", 61_000, 1, 2)
    assert place_of(SLURM, "[fe80::1]:61000", 2, 0)[:2] == ("fe80::1", 61_000)


WRONG: list[tuple[Mapping[str, str], tuple[str | None, int | None, int | None], str]] = [
    ({}, (None, None, None), "neither SLURM nor Open MPI here; start the run with srun"),
    ({}, ("a:1", None, None), "neither SLURM nor Open MPI"),
    ({}, (None, 2, 0), "--coordinator must be given too: --coordinator HOST:PORT --processes N"),
    ({}, ("a:1", 2, None), "--process must be given too"),
    ({}, ("a:1", None, 1), "--processes must be given too"),
    ({}, ("a:1", 0, 0), "--processes 0: it must be 1 or more"),
    ({}, ("a:1", 2, 2), "--process 2: with --processes 2 it must be from 0 to 1"),
    ({}, ("a:1", 2, -1), "--process -1: .* from 0 to 1"),
    *(
        ({}, (address, 2, 0), f"--coordinator {re.escape(repr(address))}: give HOST:PORT")
        for address in ("a", "a:", ":1", "a:b", "a:0", "a:65536", "fe80::1:61000", "a b:1", "")
    ),
    (SLURM | {"SLURM_PROCID": "x"}, (None, None, None), "SLURM_PROCID = 'x' must be a whole"),
    (
        {k: v for k, v in SLURM.items() if k != "SLURM_STEP_NODELIST"},
        (None, None, None),
        "in the script of a SLURM job would start one process only; write srun before tissue",
    ),
    (
        {k: v for k, v in SLURM.items() if k != "SLURM_NTASKS"},
        (None, None, None),
        "SLURM_NTASKS is not set",
    ),
    (
        {k: v for k, v in OPEN_MPI.items() if k != "OMPI_MCA_orte_hnp_uri"},
        (None, None, None),
        "this version of Open MPI does not name the host of process 0; add --coordinator",
    ),
]


@pytest.mark.parametrize(("variables", "given", "reason"), WRONG)
def test_a_place_that_makes_no_sense_is_refused_in_one_sentence(
    variables: Mapping[str, str], given: tuple[str | None, int | None, int | None], reason: str
) -> None:
    with pytest.raises(InputError, match=reason) as error:
        place_of(variables, *given)
    assert "\n" not in f"{error.value}"


def test_processes_of_a_host_share_the_gpus_that_they_see(tmp_path: Path) -> None:
    second = Place("a", 1, 1, 4, local=1, on_host=2)
    seen = {"CUDA_VISIBLE_DEVICES": "0,1,2,3"}
    assert own_gpus(second, seen, tmp_path) == "2,3"
    assert own_gpus(second._replace(local=0), seen, tmp_path) == "0,1"
    assert own_gpus(second, {"CUDA_VISIBLE_DEVICES": "GPU-a,GPU-b"}, tmp_path) == "GPU-b"
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / name).mkdir()
    assert own_gpus(second, {}, tmp_path) == "1"


def test_a_process_with_gpus_of_its_own_keeps_them(tmp_path: Path) -> None:
    second, seen = Place("a", 1, 1, 4, local=1, on_host=2), {"CUDA_VISIBLE_DEVICES": "0,1"}
    assert own_gpus(second, {"CUDA_VISIBLE_DEVICES": "1"}, tmp_path) is None
    assert own_gpus(second, seen | {"SLURM_GPUS_PER_TASK": "2"}, tmp_path) is None
    assert own_gpus(second._replace(on_host=1), seen, tmp_path) is None
    assert own_gpus(second._replace(local=None, on_host=None), seen, tmp_path) is None
    assert own_gpus(second, {}, tmp_path / "no GPU") is None
