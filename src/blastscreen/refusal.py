"""The one exception that is meant for users: what they asked for can't be done as it was asked."""


class Refusal(ValueError):
    """Say in a few lines what can't be done, where, and what to do next; it is shown without a traceback."""
