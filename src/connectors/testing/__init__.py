"""What authors of connectors test with: a fake-apps server, an in-memory context and the contract kit."""
