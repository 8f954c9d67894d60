"""An Ansible-style runner for PostgreSQL: one reviewed playbook per environment, made so."""

__version__ = "0.1.0"
