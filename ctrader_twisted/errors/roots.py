"""The roots of the tree: whose fault it is."""

from __future__ import annotations


class OpenApiError(Exception):
    """The root of every exception this package raises or fails a Deferred with."""


class LocalError(OpenApiError):
    """This program, its caller or its configuration is at fault."""


class RemoteError(OpenApiError):
    """The other side, or the way to it, is at fault."""
