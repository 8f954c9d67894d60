"""A live database as a playbook: read the catalog, describe each object as a step, write the steps as YAML.

In: a connection. Out: YAML that rebuilds the database exactly, and the names of what it could not say.
"""
