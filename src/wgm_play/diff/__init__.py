"""The one algorithm: what differs between two catalogs becomes changes; apply, rollback and drift are its uses."""
