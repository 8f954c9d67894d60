"""YAML that knows its lines: read, and told apart by kind."""
