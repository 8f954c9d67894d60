"""What a change of playbooks will do to databases, found out without any of them: both states are made on a server of our own.

In: a playbook as it was and as it is. Out: `Review` (`model.py`), which `report/review` shows. Start at `compare.py`.
"""
