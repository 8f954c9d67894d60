"""Asking the target what a playbook's own SQL says, without letting it do anything.

In: texts of a playbook. Out: their rows, or why they were not asked. `text` looks at what is written, `effects` at what it
would call, `ask` sends it.
"""
