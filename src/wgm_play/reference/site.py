"""The documentation as a site: one folder that needs no server and no network, with a search, light and dark.

In: a folder. Out: the files written there.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

from wgm_play import __version__
from wgm_play.reference import keys as key_tree
from wgm_play.reference.keys import KeyDoc
from wgm_play.reference.pages import GROUPS, GUIDES, HAZARD_GROUP, KIND_GROUP, Page, pages, sections

_ASSETS = Path(__file__).parent / "site"


def write(folder: Path) -> list[Path]:
    """Write the site; return its files."""
    folder.mkdir(parents=True, exist_ok=True)
    known = pages()
    texts = {"index.html": _layout("", "wgm-play", _home(known), "", known)}
    for page in known.values():
        body, toc = _page(page)
        texts[address(page)] = _layout(page.name, page.title, body, toc, known)
    texts["terminal.svg"] = (_ASSETS / "terminal.svg").read_text(encoding="utf-8")
    texts["style.css"] = (_ASSETS / "style.css").read_text(encoding="utf-8")
    index = json.dumps(list(_index(known)), ensure_ascii=False, separators=(",", ":"))
    texts["site.js"] = f"const INDEX = {index};\n" + (_ASSETS / "site.js").read_text(encoding="utf-8")
    made = []
    for name, text in texts.items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        made.append(path)
    return made


def address(page: Page) -> str:
    """Return the file of a page: a kind of step may be called as another page is (`index`)."""
    return f"kind-{page.name}.html" if page.group == KIND_GROUP else f"{page.name}.html"


# Pages ----------------------------------------------------------------------------------------------------------


def _page(page: Page) -> tuple[str, str]:
    """Return the body of a page and what stands on it."""
    mono = page.group in (KIND_GROUP, HAZARD_GROUP)
    parts = [
        f'<p class="eyebrow">{html.escape(page.group)}</p>',
        f"<h1{' class=mono' if mono else ''}>{_inline(page.title)}</h1>",
    ]
    contents: list[tuple[int, str, str]] = []
    body = page.body
    if page.group == GUIDES:
        body = body.removeprefix(page.summary)
        lead = body.partition("\n\n")[0] if not page.summary else page.summary
        parts.append(f'<p class="lead">{_inline(lead)}</p>')
        first = page.body.partition("\n\n")[2]
        body = first
    else:
        parts.append(f'<p class="lead">{_inline(page.summary)}</p>')
    if body:
        rendered = _markdown(body)
        contents += [
            (int(level), anchor, _plain(title))
            for level, anchor, title in re.findall(r'<h([23]) id="([^"]+)">(.*?)</h', rendered)
        ]
        parts.append(rendered)
    if page.examples:
        title = "Examples" if len(page.examples) > 1 else "Example"
        contents.append((2, "examples", title))
        parts.append(f'<h2 id="examples">{title}</h2>')
        for example in page.examples:
            if example.title:
                parts.append(f"<p class=example>{_inline(example.title)}</p>")
            parts.append(code(example.text.strip(), "yaml"))
    if page.keys:
        contents.append((2, "keys", "Keys"))
        parts.append('<h2 id="keys">Keys</h2>' + _keys(page.keys, ""))
        contents += [(3, f"key-{key.name}", key.name) for key in page.keys]
    toc = "".join(
        f'<li class="l{level}"><a href="#{anchor}">{html.escape(title)}</a></li>' for level, anchor, title in contents
    )
    return "\n".join(parts), toc


def _keys(keys: tuple[KeyDoc, ...], path: str) -> str:
    made = []
    for key in keys:
        here = f"{path}.{key.name}" if path else key.name
        badges = '<span class="badge need">required</span>' if key.required else ""
        default = f'<span class="badge">default <code>{html.escape(key.default)}</code></span>' if key.default else ""
        values = " ".join(f"<code>{html.escape(value)}</code>" for value in key.values)
        form = "" if key.form == "one of" else f'<span class="form">{html.escape(key.form)}</span>'
        same = f' Keys as under <a href="#key-{key.same_as}"><code>{key.same_as}</code></a>.' if key.same_as else ""
        inner = _keys(key.inner, here) if key.inner else ""
        if inner:
            count = f"{len(key.inner)} key{'s' if len(key.inner) != 1 else ''}"
            inner = f"<details{' open' if path == '' and len(key.inner) < 12 else ''}><summary>{count} below</summary>{inner}</details>"
        listed = f'<div class="values">{values}</div>' if values else ""
        made.append(
            f'<div class="key" id="key-{here}"><div class="name"><a href="#key-{here}"><code>{html.escape(key.name)}</code></a>'
            f"{form}{badges}{default}</div><div class=said>{_inline(key.text)}{same}{listed}</div>{inner}</div>"
        )
    return f'<div class="keys">{"".join(made)}</div>'


def _home(known: dict[str, Page]) -> str:
    text = (_ASSETS / "home.html").read_text(encoding="utf-8")
    cards = ""
    for group in GROUPS[:3]:
        links = "".join(
            f'<a class="card" href="{address(page)}"><b{" class=mono" if group == KIND_GROUP else ""}>{_inline(page.title)}</b>'
            f"<span>{_inline(page.summary)}</span></a>"
            for page in known.values()
            if page.group == group
        )
        cards += f"<h2>{group}</h2><div class=cards>{links}</div>"
    codes = "".join(
        f'<a href="{address(page)}" title="{html.escape(page.summary)}">{page.name}</a>'
        for page in known.values()
        if page.group == HAZARD_GROUP
    )
    return text.replace("<!-- cards -->", f"{cards}<h2>{HAZARD_GROUP}</h2><div class=codes>{codes}</div>")


def _layout(name: str, title: str, body: str, toc: str, known: dict[str, Page]) -> str:
    groups = []
    for group in GROUPS:
        links = "".join(
            f'<li><a href="{address(page)}"{" aria-current=page" if page.name == name else ""}>{html.escape(page.title)}</a></li>'
            for page in known.values()
            if page.group == group
        )
        here = name in known and known[name].group == group
        is_open = (
            " open" if here or (group != HAZARD_GROUP and name not in known) or group in (GUIDES, "Playbooks") else ""
        )
        groups.append(f"<details{is_open}><summary>{group}</summary><ul>{links}</ul></details>")
    shown = title if not name else f"{title} · wgm-play"
    return (
        (_ASSETS / "page.html")
        .read_text(encoding="utf-8")
        .replace("<!-- title -->", html.escape(shown))
        .replace("<!-- version -->", html.escape(__version__))
        .replace("<!-- nav -->", "".join(groups))
        .replace(
            "<!-- toc -->",
            f'<nav class="toc" aria-label="On this page"><b>On this page</b><ul>{toc}</ul></nav>'
            if toc.count("<li") > 1
            else "",
        )
        .replace("<!-- body -->", body)
        .replace("<!-- kind -->", "page" if name else "home")
    )


# Texts ----------------------------------------------------------------------------------------------------------


def _markdown(text: str) -> str:
    from markdown_it import MarkdownIt

    reader = MarkdownIt(
        "commonmark", {"html": False, "highlight": lambda source, language, _: code(source, language)}
    ).enable("table")
    made = str(reader.render(text))
    made = re.sub(r"<pre><code[^>]*>(<div class=\"code\".*?</div>)\s*</code></pre>", r"\1", made, flags=re.DOTALL)
    made = re.sub(
        r"<h([23])>(.*?)</h\1>",
        lambda found: f'<h{found[1]} id="{anchor(_plain(found[2]))}">{found[2]}</h{found[1]}>',
        made,
    )
    made = made.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")
    return _linked(made)


def _inline(text: str) -> str:
    from markdown_it import MarkdownIt

    return _linked(str(MarkdownIt("commonmark", {"html": False}).renderInline(text)))


def _linked(text: str) -> str:
    """Let `wgm-play doc PAGE` lead to the page, also where a guide links to one as PAGE.md."""
    known = pages()

    def link(found: re.Match[str]) -> str:
        name = found[1]
        page, _, key = name.partition(".")
        if page not in known:
            return found[0]
        return f'<a href="{address(known[page])}{f"#key-{key}" if key else ""}">{found[0]}</a>'

    text = re.sub(r"<code>([^<]*)</code>", _unbroken, text)
    return re.sub(r"<code>wgm-play doc ([\w.]+)</code>", link, text)


def _unbroken(found: re.Match[str]) -> str:
    """Let no line end inside the dashes of an option."""
    return "<code>" + _OPTION.sub(lambda one: f'<span class="option">{one[0]}</span>', found[1]) + "</code>"


_OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")


def code(source: str, language: str) -> str:
    """Return a block of code, coloured where its language is known."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import TextLexer, get_lexer_by_name
    from pygments.util import ClassNotFound

    word = language.partition(" ")[0]
    try:
        lexer = get_lexer_by_name({"sh": "bash"}.get(word, word or "text"))
    except ClassNotFound:
        lexer = TextLexer()
    made = highlight(source.rstrip("\n"), lexer, HtmlFormatter(nowrap=True))
    return f'<div class="code"><button type="button" class="copy" aria-label="Copy">Copy</button><pre tabindex="0"><code>{made}</code></pre></div>'


def anchor(title: str) -> str:
    """Return the anchor of a heading."""
    return re.sub(r"[^\w]+", "-", title.lower()).strip("-") or "section"


def _plain(text: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", text))


def _index(known: dict[str, Page]) -> Iterator[list[str]]:
    """Yield what the search knows: title, address, what it says, group."""
    for page in known.values():
        yield [page.name if page.group != GUIDES else page.title, address(page), page.summary, page.group]
        for heading, text in sections(page.body) if page.group == GUIDES else ():
            yield [heading, f"{address(page)}#{anchor(heading.replace('`', ''))}", text[:160], page.title]
        for path, key in key_tree.walk(page.keys, ""):
            listed = f" ({' | '.join(key.values)})" if key.values else ""
            yield [f"{page.name}{path}", f"{address(page)}#key-{path[1:]}", key.text + listed, "Key"]
