"""Production's sizes, traffic and planner statistics as a file, and a scratch server that plans by it as production does."""
