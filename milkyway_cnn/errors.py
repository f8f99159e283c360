"""The one exception for what a user can mend."""

from __future__ import annotations

__all__ = ["InputError"]


class InputError(ValueError):
    """Input that cannot be used; the message is one sentence with the value, the rule and the way out.

    The command line prints the message alone and ends with exit status 2; in a notebook it is an ordinary
    `ValueError`.
    """
