"""The comment of a review in a pull or merge request: one for each playbook and its environments, updated in place.

In: reviews, what the CI server says of itself. Out: the comment. Start at `keep.py`.
"""
