"""Pages of the site that are not in docs/: those of the repository, and the Python interface.

MkDocs calls these functions while it builds the site (`make docs`).
"""

import ast
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]

PAGES = {
    "README.md": "index.md",
    "benchmarks/README.md": "benchmarks.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
"""Pages of the repository by path, and their names in the site."""

FILES = ("CITATION.cff", "LICENSE", "runs/data/NOTICE")
"""Files of the repository that pages link to."""

REFERENCE = "reference.md"
RESULTS = ("tissue.storage.results.Run", "tissue.scenario.config.RunConfig")
"""Classes of what public functions return, besides the public names."""

SITE_NAMES = PAGES | {path: f"repository/{path}" for path in FILES}
LINK = re.compile(r"(?<=\]\()(?!#|[a-z]+:)([^)#\s]+)")


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages and files that are not in docs/."""
    for path, name in SITE_NAMES.items():
        files.append(File.generated(config, name, abs_src_path=str(ROOT / path)))
    files.append(File.generated(config, REFERENCE, content=_reference()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Page whose links lead to the names that its targets have in the site."""
    sources = {name: path for path, name in SITE_NAMES.items()}
    name = page.file.src_uri
    folder = posixpath.dirname(sources.get(name, f"docs/{name}"))

    def in_site(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, link[0]))
        target = SITE_NAMES.get(target, target.removeprefix("docs/"))
        return posixpath.relpath(target, posixpath.dirname(name) or ".")

    return LINK.sub(in_site, markdown)


def _reference() -> str:
    """Page of the public names of the package, which mkdocstrings fills from their docstrings."""
    tree = ast.parse((ROOT / "tissue" / "__init__.py").read_text(encoding="utf-8"))
    modules = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_MODULES"
    )
    names = [f"{module}.{name}" for name, module in sorted(modules.items())]
    head = "# Python interface\n\nEach name is imported from `tissue`; [examples](api.md).\n"
    return head + "".join(f"\n::: {name}\n" for name in (*names, *RESULTS))
