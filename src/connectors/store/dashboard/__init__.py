"""SQL of the dashboard: its users and sessions, what they keep, and what its pages ask."""
