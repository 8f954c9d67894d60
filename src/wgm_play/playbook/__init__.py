"""From YAML files to steps: load (keeps line and column), validate, expand (imports, loops, when), fold."""
