"""The two exceptions that are said in one sentence: what a user can mend, and what a service on the network refused."""

from __future__ import annotations

__all__ = ["InputError", "ServiceError"]


class InputError(ValueError):
    """Input that cannot be used; the message is one sentence with the value, the rule and the way out.

    The command line prints the message alone and ends with exit status 2; in a notebook it is an ordinary
    `ValueError`.
    """


class ServiceError(RuntimeError):
    """A service on the network that failed after all patience; the message is one sentence with what to do.

    What was fetched before stays, and the same call goes on from there. The command line prints the message alone
    and ends with exit status 1.
    """
