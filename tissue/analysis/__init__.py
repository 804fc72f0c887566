"""Pictures and numbers made from what a run left on disk."""
