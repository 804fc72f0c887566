"""Speed of a machine: kernels, solvers, coupling steps and finite elements, on any device."""
