"""Who may look at metrics and health: staff, who has a token, who comes from a named network."""

from ipaddress import IPv6Address, ip_address

from django.db import Error as DatabaseError
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from django_taskq.monitoring import Monitoring


def may_look(request: HttpRequest, monitoring: Monitoring) -> bool:
    """Tell whether a request may see the numbers.

    Staff come last: who they are stands in a database that may not answer, and then a probe is to
    hear of it all the same.
    """
    return _has_token(request, monitoring) or _is_near(request, monitoring) or _is_staff(request)


def _has_token(request: HttpRequest, monitoring: Monitoring) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not given:
        return False
    matches = [constant_time_compare(given.strip(), token) for token in monitoring.tokens]
    return any(matches)


def _is_near(request: HttpRequest, monitoring: Monitoring) -> bool:
    """Go by the peer of the connection alone: anybody can write a forwarded address."""
    try:
        peer = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    if isinstance(peer, IPv6Address) and peer.ipv4_mapped is not None:
        peer = peer.ipv4_mapped
    return any(peer in network for network in monitoring.networks)


def _is_staff(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    try:
        return user is not None and user.is_active and user.is_staff
    except DatabaseError:
        return False
