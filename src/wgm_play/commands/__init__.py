"""What the commands beside a run do: rollback, purge, status and check, backups, pause and abort, watch."""
