"""Only this package prints. Text and JSON come from the same calls."""
