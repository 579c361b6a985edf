"""The one exception that a user's mistake raises."""


class KanpdeError(ValueError):
    """A mistake in a problem, an option or a file; its text names the place and the mend."""
