"""Outbound HTTP: sessions that always time out, wait as told and never reach where they must not.

`connect` makes a session; `Guard` keeps URLs that a user or an app supplied away from private addresses.
"""

from connectors.net.guard import AddressRefused, Guard, Resolver, refusal
from connectors.net.session import Limits, Session, connect, retry_after

__all__ = ["AddressRefused", "Guard", "Limits", "Resolver", "Session", "connect", "refusal", "retry_after"]
