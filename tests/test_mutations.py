"""Every mechanism has a test that fails without it."""

import mutations
import pytest


@pytest.mark.parametrize("mutation", mutations.MUTATIONS, ids=lambda each: each.mechanism)
def test_the_term_and_its_test_are_there(mutation: mutations.Mutation) -> None:
    assert mutations.matches(mutation)


@pytest.mark.slow
def test_no_mechanism_can_be_taken_out_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["mutations.py"])
    assert mutations.main() == 0
