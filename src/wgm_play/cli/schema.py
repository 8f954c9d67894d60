"""`wgm-play schema`: the JSON Schema of playbooks, of environment files, or of what `--format json` and `--report json:FILE` write.

In: the values of the command line. Out: the schema on standard output.
"""

from __future__ import annotations

import json

from wgm_play.reporter import Reporter


def run(reporter: Reporter, *, subject: str, verbosity: int) -> int:
    """Write a schema."""
    from wgm_play.playbook.exported import exported

    if subject == "run":
        from wgm_play.report.json import schema

        found = schema()
    elif subject == "findings":
        from wgm_play.report.findings.json import schema as of_findings

        found = of_findings()
    elif subject == "review":
        from wgm_play.report.review.data import schema as of_reviews

        found = of_reviews()
    elif subject == "stats":
        from wgm_play.stats.file import schema as of_statistics

        found = of_statistics()
    elif subject == "environment":
        from wgm_play.environment_keys import document

        found = document()
    else:
        from wgm_play.playbook.validate import schema as playbook_schema

        found = playbook_schema()
    found = exported(found)
    reporter.page(f"{subject}.schema.json", json.dumps(found, indent=2, ensure_ascii=False))
    reporter.data("schema", found)
    return 0
