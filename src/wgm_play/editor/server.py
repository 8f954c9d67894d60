"""The Language Server Protocol over standard input and output: words of the protocol here, answers from the modules beside.

In: messages of an editor. Out: messages to it. The last good state of each project answers while its files are broken.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import field
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path

from wgm_play import __version__
from wgm_play.editor import actions, answers
from wgm_play.editor.live import Live
from wgm_play.editor.project import ENDINGS, Problem, ProjectState, look, of_sql, project_of, real, realise
from wgm_play.errors import Position
from wgm_play.lazy_dataclass import dataclass

# Seconds without a keystroke after which files are read, and after which the scratch server is asked.
PAUSE, LONG_PAUSE = 0.15, 1.0
_SEVERITIES = {
    "error": lsp.DiagnosticSeverity.Error,
    "warning": lsp.DiagnosticSeverity.Warning,
    "info": lsp.DiagnosticSeverity.Information,
}
_KINDS = {
    "key": lsp.CompletionItemKind.Property,
    "kind": lsp.CompletionItemKind.Class,
    "value": lsp.CompletionItemKind.EnumMember,
    "variable": lsp.CompletionItemKind.Variable,
    "column": lsp.CompletionItemKind.Field,
    "file": lsp.CompletionItemKind.File,
    "type": lsp.CompletionItemKind.TypeParameter,
    "table": lsp.CompletionItemKind.Struct,
}
_SYMBOLS = {
    "play": lsp.SymbolKind.Module,
    "table": lsp.SymbolKind.Struct,
    "column": lsp.SymbolKind.Field,
    "view": lsp.SymbolKind.Interface,
    "function": lsp.SymbolKind.Function,
    "procedure": lsp.SymbolKind.Function,
    "index": lsp.SymbolKind.Key,
    "key": lsp.SymbolKind.Property,
    "trigger": lsp.SymbolKind.Event,
}
_TOKEN = re.compile(r"\"[^\"]*\"|'[^']*'|[^\s,{}\[\]:]+")


@dataclass(slots=True)
class Desk:
    """What one editor has open, and what is known of it."""

    scratch: bool = True
    live: Live = field(default_factory=lambda: Live(None))
    texts: dict[str, str] = field(default_factory=dict)
    uris: dict[str, str] = field(default_factory=dict)
    states: dict[Path, ProjectState] = field(default_factory=dict)
    first: dict[Path, list[Any]] = field(default_factory=dict)
    told: dict[Path, set[str]] = field(default_factory=dict)
    renamed: dict[str, list[answers.RenamedColumn]] = field(default_factory=dict)
    safe: dict[str, list[Any]] = field(default_factory=dict)
    waiting: dict[Path | str, asyncio.Task[None]] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


def start(*, scratch: bool = True, live: str | None = None) -> None:
    """Serve one editor on standard input and output, until it ends."""
    make(Desk(scratch, Live(live))).start_io()


def make(desk: Desk) -> LanguageServer:
    """Return the server."""
    server = LanguageServer("wgm-play", __version__, text_document_sync_kind=lsp.TextDocumentSyncKind.Full)

    @server.feature(lsp.INITIALIZE)
    def _(params: lsp.InitializeParams) -> None:
        given = params.initialization_options
        if isinstance(given, dict):
            desk.scratch = desk.scratch and given.get("scratch") is not False
            if isinstance(given.get("live"), str):
                desk.live = Live(given["live"])

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    async def _(params: lsp.DidOpenTextDocumentParams) -> None:
        _keep(server, desk, params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    async def _(params: lsp.DidChangeTextDocumentParams) -> None:
        _keep(server, desk, params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    async def _(params: lsp.DidSaveTextDocumentParams) -> None:
        _keep(server, desk, params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    async def _(params: lsp.DidCloseTextDocumentParams) -> None:
        path = _path(params.text_document.uri)
        desk.texts.pop(path, None)
        _later(server, desk, path)

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    async def _(params: lsp.HoverParams) -> lsp.Hover | None:
        found = await _state(desk, params.text_document.uri)
        if found is None:
            return None
        state, path, text = found
        line, column = _place(server, params.text_document.uri, params.position)
        live = desk.live.of
        told = await asyncio.to_thread(answers.hover, state, Path(path), text, line, column, lambda: live(state.root))
        if told is None:
            return None
        value, begin, end = told
        span = _range(server, params.text_document.uri, line, begin, end)
        return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, value), span)

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    async def _(params: lsp.DefinitionParams) -> list[lsp.Location]:
        found = await _state(desk, params.text_document.uri)
        if found is None:
            return []
        state, path, text = found
        line, column = _place(server, params.text_document.uri, params.position)
        places = answers.definition(state, Path(path), text, line, column)
        return [lsp.Location(_uri(desk, where), _point(where)) for where in places]

    @server.feature(
        lsp.TEXT_DOCUMENT_COMPLETION, lsp.CompletionOptions(trigger_characters=[" ", "{", "[", ".", "(", ","])
    )
    async def _(params: lsp.CompletionParams) -> lsp.CompletionList:
        found = await _state(desk, params.text_document.uri)
        items: list[lsp.CompletionItem] = []
        if found is not None:
            state, path, text = found
            uri = params.text_document.uri
            line, column = _place(server, uri, params.position)
            several, begin = answers.complete(state, Path(path), text, line, column)
            span = _range(server, uri, line, begin, column)
            items = [_item(one, span) for one in {one.label: one for one in reversed(several)}.values()][::-1]
        return lsp.CompletionList(is_incomplete=False, items=items)

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    async def _(params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
        path = _path(params.text_document.uri)
        text = desk.texts.get(path, "")
        return [_symbol(one) for one in answers.symbols(text, Path(path))] if path.endswith(ENDINGS) else []

    @server.feature(
        lsp.TEXT_DOCUMENT_CODE_ACTION, lsp.CodeActionOptions(code_action_kinds=[lsp.CodeActionKind.QuickFix])
    )
    async def _(params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        await _settled(desk, _path(params.text_document.uri))
        return list(_actions(desk, params))

    return server


# Reading ---------------------------------------------------------------------------------------------------------


def _keep(server: LanguageServer, desk: Desk, uri: str) -> None:
    path = _path(uri)
    desk.texts[path] = server.workspace.get_text_document(uri).source
    desk.uris[path] = uri
    _later(server, desk, path)


def _later(server: LanguageServer, desk: Desk, path: str) -> None:
    """Read what a file belongs to when nobody has typed for a moment."""
    file = Path(path)
    which: Path | str | None = path if file.suffix == ".sql" else project_of(file)
    if which is None or (file.suffix != ".sql" and file.suffix not in ENDINGS and file.suffix != ".j2"):
        return
    if which in desk.waiting:
        desk.waiting[which].cancel()
    work = _sql(server, desk, path) if isinstance(which, str) else _project(server, desk, which)
    desk.waiting[which] = asyncio.get_running_loop().create_task(work)


async def _to_its_end(function: Callable[..., Any], *given: Any) -> Any:
    """Run a function in a thread; who is cancelled meanwhile goes on when that has ended, so that no two read a project at once."""
    work = asyncio.ensure_future(asyncio.to_thread(function, *given))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise


async def _project(server: LanguageServer, desk: Desk, root: Path) -> None:
    await asyncio.sleep(PAUSE if root in desk.states else 0)
    async with desk.lock:
        texts = dict(desk.texts)
        state = await _to_its_end(look, root, texts, desk.states.get(root))
        _carry(state, desk.states.get(root))
        desk.states[root] = state
        if root not in desk.first:
            desk.first[root] = await _to_its_end(actions.before_of, root) or list(state.reads())
        _tell(server, desk, root)
    if not desk.scratch or any(one.severity == "error" and not one.code for p in state.problems.values() for one in p):
        return
    await asyncio.sleep(LONG_PAUSE)
    async with desk.lock:
        desk.states[root] = await _to_its_end(realise, state, texts)
        _tell(server, desk, root)


def _carry(state: ProjectState, before: ProjectState | None) -> None:
    """Take the catalogs along that a server made of what was there before: they are shown until it has made new ones."""
    if before is None:
        return
    for name, reads in state.plays.items():
        known = {one.loaded[0]: one.catalog for one in before.plays.get(name, [])}
        state.plays[name] = [
            one if one.catalog else type(one)(one.loaded, one.folded, one.places, known.get(one.loaded[0]))
            for one in reads
        ]


async def _sql(server: LanguageServer, desk: Desk, path: str) -> None:
    await asyncio.sleep(PAUSE)
    async with desk.lock:
        if path not in desk.texts:
            _publish(server, desk, path, [])
            return
        problems, desk.safe[path] = await _to_its_end(of_sql, Path(path), dict(desk.texts))
        _publish(server, desk, path, problems)


def _tell(server: LanguageServer, desk: Desk, root: Path) -> None:
    state = desk.states[root]
    found = {file: list(several) for file, several in state.problems.items()}
    desk.renamed = {}
    for one in answers.renames(list(state.reads()), desk.first.get(root, [])):
        file = real(one.where.file)
        desk.renamed.setdefault(file, []).append(one)
        told = f"column {one.table.label}.{one.old} goes and {one.new} is new: a rename?"
        found.setdefault(file, []).append(
            Problem(one.where, "info", told, "renamed", f"renamed_from: {one.old} keeps its values")
        )
    for file in found.keys() | desk.told.get(root, set()) | (state.files & desk.texts.keys()):
        _publish(server, desk, file, found.get(file, []))
    desk.told[root] = set(found)


def _publish(server: LanguageServer, desk: Desk, file: str, problems: list[Problem]) -> None:
    lines = _lines(desk, file)
    codec = server.workspace.position_codec
    made = []
    for one in problems:
        number = max(one.where.line - 1, 0)
        line = lines[number] if number < len(lines) else ""
        begin = max(one.where.column - 1, 0)
        token = _TOKEN.match(line, begin)
        end = token.end() if token else max(len(line), begin)
        span = (
            codec.range_to_client_units(lines, lsp.Range(lsp.Position(number, begin), lsp.Position(number, end)))
            if number < len(lines)
            else lsp.Range(lsp.Position(number, 0), lsp.Position(number, 0))
        )
        message = f"{one.message}\n→ {one.remedy}" if one.remedy else one.message
        made.append(lsp.Diagnostic(span, message, _SEVERITIES[one.severity], code=one.code or None, source="wgm-play"))
    server.text_document_publish_diagnostics(
        lsp.PublishDiagnosticsParams(uri=desk.uris.get(file) or from_fs_path(file) or "", diagnostics=made)
    )


async def _settled(desk: Desk, path: str) -> None:
    """Wait until what was typed is read; not for the scratch server."""
    file = Path(path)
    which = path if file.suffix == ".sql" else project_of(file)
    task = desk.waiting.get(which) if which is not None else None
    if task is None or task.done():
        return
    if isinstance(which, str) or which not in desk.states:
        with contextlib.suppress(asyncio.CancelledError):
            while not task.done() and not (isinstance(which, Path) and which in desk.first):
                await asyncio.sleep(0.02)
    else:
        await asyncio.sleep(PAUSE + 0.02)
        async with desk.lock:
            pass


async def _state(desk: Desk, uri: str) -> tuple[ProjectState, str, str] | None:
    """Return the last good state of a file's project, and its text as it is now."""
    path = _path(uri)
    root = project_of(Path(path))
    if root is None or path not in desk.texts:
        return None
    if root not in desk.states:
        await _settled(desk, path)
    state = desk.states.get(root)
    return (state, path, desk.texts[path]) if state is not None else None


# Words of the protocol -------------------------------------------------------------------------------------------


def _actions(desk: Desk, params: lsp.CodeActionParams) -> Iterator[lsp.CodeAction]:
    uri = params.text_document.uri
    path = _path(uri)
    text = desk.texts.get(path)
    if text is None:
        return
    here = range(params.range.start.line + 1, params.range.end.line + 2)
    found = [
        *actions.renaming(text, path, desk.renamed.get(path, [])),
        *actions.safe_forms(text, desk.safe.get(path, [])),
    ]
    for one in found:
        if one.line and one.line not in here:
            continue
        made = [
            lsp.TextEdit(lsp.Range(lsp.Position(l1, c1), lsp.Position(l2, c2)), new)
            for l1, c1, l2, c2, new in actions.edits(text, one.text)
        ]
        if made:
            yield lsp.CodeAction(
                one.title,
                kind=lsp.CodeActionKind.QuickFix,
                diagnostics=[d for d in params.context.diagnostics if d.code == one.code and one.code],
                edit=lsp.WorkspaceEdit(changes={uri: made}),
            )


def _item(one: answers.Item, span: lsp.Range) -> lsp.CompletionItem:
    return lsp.CompletionItem(
        label=one.label,
        kind=_KINDS.get(one.kind, lsp.CompletionItemKind.Text),
        detail=one.detail or None,
        documentation=lsp.MarkupContent(lsp.MarkupKind.Markdown, one.told) if one.told else None,
        text_edit=lsp.TextEdit(span, one.insert or one.label),
    )


def _symbol(one: answers.Symbol) -> lsp.DocumentSymbol:
    span = _point(one.where)
    inner = [_symbol(each) for each in one.inner]
    whole = lsp.Range(
        span.start, max([each.range.end for each in inner], default=span.end, key=lambda p: (p.line, p.character))
    )
    kind = _SYMBOLS.get(one.kind, lsp.SymbolKind.Object)
    return lsp.DocumentSymbol(one.name, kind, whole, span, detail=one.detail or None, children=inner)


def _point(where: Position) -> lsp.Range:
    place = lsp.Position(max(where.line - 1, 0), max(where.column - 1, 0))
    return lsp.Range(place, place)


def _uri(desk: Desk, where: Position) -> str:
    path = real(where.file)
    return desk.uris.get(path) or from_fs_path(path) or ""


def _path(uri: str) -> str:
    return os.path.realpath(to_fs_path(uri) or uri)


def _lines(desk: Desk, file: str) -> list[str]:
    text = desk.texts.get(file)
    if text is None:
        try:
            text = Path(file).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return []
    return text.splitlines()


def _place(server: LanguageServer, uri: str, place: lsp.Position) -> tuple[int, int]:
    document = server.workspace.get_text_document(uri)
    here = document.position_codec.position_from_client_units(document.lines, place)
    return here.line, here.character


def _range(server: LanguageServer, uri: str, line: int, begin: int, end: int) -> lsp.Range:
    document = server.workspace.get_text_document(uri)
    span = lsp.Range(lsp.Position(line, begin), lsp.Position(line, end))
    return document.position_codec.range_to_client_units(document.lines, span)
