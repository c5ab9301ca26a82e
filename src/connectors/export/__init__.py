"""Findings for other tools: JSON Lines, CSV, OCSF, SARIF and JUnit. Pure writers over streams of records."""
