"""What the application's queries cost: their plans, what the server counted of them, and what a change does to both.

In: connections, queries of a play. Out: findings. `plans` asks for plans, `statements` reads pg_stat_statements, `compare`
judges two plans of one query, `stage` makes servers to judge a change on before it is made, `advice` looks for indexes.
"""
