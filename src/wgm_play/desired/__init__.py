"""What the database shall be: what steps declare, laid over what is live."""
