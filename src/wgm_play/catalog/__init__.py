"""What a database holds, read by one bulk query per kind."""
