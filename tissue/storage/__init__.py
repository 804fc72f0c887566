"""Files of runs: snapshots, checkpoints, tables, indices and exports."""
