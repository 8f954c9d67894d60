"""Online forms that take several transactions: each is a state machine whose state can be read from the catalog.

In: a `PlanContext`. Out: changes whose statements say by a query (`Command.done`) that they are done already; helper
objects have names that begin with `wgm_`, and carry a digest of what they are for, so that a half-done change goes on
where it was, and what an abandoned one left is found and removed.
"""
