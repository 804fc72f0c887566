"""The biology: parameters, state, signals, cytokines, cells, bone and the step."""
