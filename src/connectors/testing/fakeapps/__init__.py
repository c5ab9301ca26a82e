"""A server that speaks the HTTP shapes of the apps, for tests, benchmarks and the demo. Loopback only."""

from connectors.testing.fakeapps.base import FakeApp, FakeApps, Fault, Request, Response, route

__all__ = ["FakeApp", "FakeApps", "Fault", "Request", "Response", "route"]
