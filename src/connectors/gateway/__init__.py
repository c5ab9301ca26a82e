"""The async edge: webhooks in, health and metrics out. It verifies, persists and answers, nothing else."""

from connectors.gateway.app import create_app

__all__ = ["create_app"]
