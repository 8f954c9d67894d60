"""What is tried beside the database, on a scratch server: drills of its backups, rehearsals of its runs."""
