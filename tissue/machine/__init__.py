"""Machine that a run computes on: memory, cores, disks, devices, and a test of its results."""
