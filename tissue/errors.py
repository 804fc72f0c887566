"""The two ways in which a run can go wrong that are not bugs."""


class InputError(Exception):
    """Something the user gave is wrong; the message is one sentence that names the remedy."""


class RunError(Exception):
    """A run had to stop; the message names what went wrong and what is safe on disk."""


class RunStopped(Exception):
    """A run was asked to stop and did, with a checkpoint that it can be resumed from."""
