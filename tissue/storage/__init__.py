"""What a run leaves on disk: snapshots and tables."""
