"""The `template:` of a step: a file below the project's `templates/`, rendered with the step's variables.

In: the name of a template, variables. Out: `Rendered`, SQL with positions in the template's file. A value is printed
only through a quoting filter.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from wgm_play.errors import InputError, Position
from wgm_play.plain_templates import packaged_templates
from wgm_play.playbook.files import Files
from wgm_play.playbook.kinds.base import Rendered
from wgm_play.playbook.schema_rules import is_template, nearest
from wgm_play.playbook.values import jinja_hint, undefined, values_for
from wgm_play.playbook.variables import Scope
from wgm_play.render import environment, render_text
from wgm_play.sandbox import bounded
from wgm_play.sql import reveal

FOLDER = "templates"
_INCLUDES_DEEP = 20


def template_path(name: str, project: Path, where: Position | None) -> Path:
    """Return the file of a template; raise where it is missing or outside of its folder."""
    if os.path.isabs(name) or ".." in Path(name).parts or "\0" in name:
        raise _outside(name, where)
    for root in (project / FOLDER, packaged_templates()):
        path = root / name
        if not path.is_file():
            continue
        if not path.resolve().is_relative_to(root.resolve()):
            raise _outside(name, where)
        if root.is_symlink() and not root.resolve().is_relative_to(project.resolve()):
            raise _outside(name, where)
        return path
    raise InputError(f"no template {name!r}", where=where, hint=_like(name, project))


def _outside(name: str, where: Position | None) -> InputError:
    return InputError(
        f"the template {name!r} is outside of the project's {FOLDER}/",
        where=where,
        hint=f"name a file below {FOLDER}/, as views/progress.sql.j2",
    )


def _like(name: str, project: Path) -> str:
    root = project / FOLDER
    names = [str(one.relative_to(root)) for one in root.rglob("*") if one.is_file()] if root.is_dir() else []
    return nearest(name, names) or f"it is looked for in {FOLDER}/ of the project"


def render_template(given: str, files: Files, scope: Scope, where: Position | None) -> Rendered:
    """Render a template file with the variables that it names."""
    name = reveal(given)
    path = template_path(name, files.project, where)
    content, shown = files.read(path, "template", where)
    text = _rendered(name, content, shown, files, scope) if is_template(content) else content
    made = Rendered(text, Position(shown, 0))
    made.name = shown
    # Lines are those of the file, unless a statement of Jinja may have added or removed some.
    made.indent = 0 if "{%" in content else 1
    return made


def _rendered(name: str, content: str, shown: str, files: Files, scope: Scope) -> str:
    from jinja2 import TemplateNotFound, TemplateSyntaxError, UndefinedError
    from jinja2.exceptions import SecurityError

    project = str(files.project / FOLDER)
    try:
        names = _names(name, files, scope, 0)
        values, _ = values_for(frozenset(names), scope)
        for outside in ("env", "lookup"):
            values.pop(outside, None)
        made: str = bounded(lambda: render_text(content, project=project, **values).sql)
        return made
    except TemplateSyntaxError as error:
        where = Position(error.filename or shown if error.name in (None, name) else str(error.name), error.lineno)
        raise InputError(
            f"Jinja syntax: {error.message}", where=Position(shown, where.line), hint=jinja_hint(str(error.message))
        ) from None
    except UndefinedError as error:
        raise undefined(str(error), scope, Position(shown, _line_of(error))) from None
    except TemplateNotFound as error:
        raise InputError(f"no template {error.name!r}, which {shown} includes", where=Position(shown)) from None
    except InputError as error:
        if error.where is None:
            raise InputError(error.message, where=Position(shown, _line_of(error)), hint=error.hint) from None
        raise
    except (SecurityError, TypeError, ValueError, ArithmeticError) as error:
        hint = getattr(error, "hint", None)
        where = Position(shown, _line_of(error))
        raise InputError(f"the template cannot be rendered: {error}", where=where, hint=hint) from None


def _names(name: str, files: Files, scope: Scope, depth: int) -> set[str]:
    """Return the variables that a template and those that it includes read."""
    from jinja2 import meta

    path = template_path(name, files.project, None)
    content, _ = files.read(path, "template")
    parsed = environment(str(files.project / FOLDER)).parse(content)
    names = set(meta.find_undeclared_variables(parsed))
    for other in meta.find_referenced_templates(parsed):
        if other and depth < _INCLUDES_DEEP:
            names |= _names(other, files, scope, depth + 1)
    return names


def _line_of(error: BaseException) -> int:
    """Return the line of the template at which an error arose: Jinja leaves it in the traceback."""
    line = 0
    traceback: Any = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == "<template>":
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
