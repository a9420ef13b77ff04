"""Schema changes of the state, oldest first."""
