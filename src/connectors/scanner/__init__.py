"""The scanner for machines and CI: walking, git, baseline and reports. No configuration, no database."""
