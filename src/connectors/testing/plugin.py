"""The pytest plugin that `connectors` ships for authors of connectors."""
