"""An editor: a process of the real language server, spoken to in JSON-RPC. In: a folder. Out: answers, diagnostics."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any


class Editor:
    """Starts `wgm-play lsp` and speaks with it; `diagnostics` holds the newest by file."""

    def __init__(self, folder: Path, *words: str, options: dict[str, Any] | None = None) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "wgm_play", "lsp", *words],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.answers: dict[int, Any] = {}
        self.told: queue.Queue[tuple[str, list[dict[str, Any]]]] = queue.Queue()
        self.arrived = threading.Condition()
        self.number = 0
        self.versions: dict[str, int] = {}
        self.texts: dict[str, str] = {}
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        asked = {"processId": None, "rootUri": folder.as_uri(), "capabilities": {}, "initializationOptions": options}
        self.capabilities = self.ask("initialize", asked)["capabilities"]
        self.tell("initialized", {})

    def _read(self) -> None:
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            length = int(line.split(b":")[1])
            while self.process.stdout.readline().strip():
                pass
            message = json.loads(self.process.stdout.read(length))
            if message.get("method") == "textDocument/publishDiagnostics":
                given = message["params"]
                self.told.put((given["uri"], given["diagnostics"]))
            elif "id" in message and "method" not in message:
                with self.arrived:
                    self.answers[message["id"]] = message
                    self.arrived.notify_all()

    def _send(self, message: dict[str, Any]) -> None:
        content = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(content) + content)
        self.process.stdin.flush()

    def tell(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def ask(self, method: str, params: Any, seconds: float = 60) -> Any:
        self.number += 1
        number = self.number
        self._send({"id": number, "method": method, "params": params})
        with self.arrived:
            assert self.arrived.wait_for(lambda: number in self.answers, seconds), f"no answer to {method}"
            answer = self.answers.pop(number)
        assert "error" not in answer, answer
        return answer["result"]

    def uri(self, file: str) -> str:
        return (self.folder / file).as_uri()

    def open(self, file: str, text: str | None = None) -> None:
        self.texts[file] = (self.folder / file).read_text() if text is None else text
        self.versions[file] = 1
        document = {"uri": self.uri(file), "languageId": "yaml", "version": 1, "text": self.texts[file]}
        self.tell("textDocument/didOpen", {"textDocument": document})

    def type(self, file: str, text: str) -> None:
        self.versions[file] += 1
        self.texts[file] = text
        document = {"uri": self.uri(file), "version": self.versions[file]}
        self.tell("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})

    def at(self, file: str, mark: str) -> dict[str, Any]:
        """Return the place behind the first `mark` of a file, in UTF-16 units."""
        before = self.texts[file][: self.texts[file].index(mark) + len(mark)]
        line = before.count("\n")
        character = len(before.rpartition("\n")[2].encode("utf-16-le")) // 2
        return {"textDocument": {"uri": self.uri(file)}, "position": {"line": line, "character": character}}

    def problems(self, file: str, wanted: Any, seconds: float = 60) -> list[dict[str, Any]]:
        """Wait until what is told of a file is as `wanted` says; return it."""
        while True:
            try:
                uri, found = self.told.get(timeout=seconds)
            except queue.Empty:
                raise AssertionError(f"nothing as wanted was told of {file}") from None
            if uri == self.uri(file) and wanted(found):
                return found

    def labels(self, file: str, mark: str) -> list[str]:
        return [one["label"] for one in self.ask("textDocument/completion", self.at(file, mark))["items"]]

    def applied(self, file: str, action: dict[str, Any]) -> str:
        """Return a file's text with an action."""
        lines = [*self.texts[file].splitlines(keepends=True), ""]
        for edit in sorted(action["edit"]["changes"][self.uri(file)], key=lambda e: -e["range"]["start"]["line"]):
            begin, end = edit["range"]["start"], edit["range"]["end"]
            first = "".join(lines[: begin["line"]]) + lines[begin["line"]][: begin["character"]]
            rest = lines[end["line"]][end["character"] :] + "".join(lines[end["line"] + 1 :])
            lines = [*(first + edit["newText"] + rest).splitlines(keepends=True), ""]
        return "".join(lines)

    def end(self) -> int:
        self.ask("shutdown", None)
        self.tell("exit", None)
        code = self.process.wait(30)
        self.reader.join(30)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        return code
