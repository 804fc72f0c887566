"""tissue: how inflammation destroys trabecular bone, simulated in 3-D on real micro-CT."""

__version__ = "0.1.0"
