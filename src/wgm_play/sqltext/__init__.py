"""PostgreSQL's own text, read in one place: tokens, brackets, lists, names; the statement of an index under another name."""
