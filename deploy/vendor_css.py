"""Fetch the style of the desk, once in a while: Utrecht's components for HTML and the example theme of NL Design System, both
EUPL-1.2. Needs npm; run it from the root of the checkout. Of the theme only the tokens stay that the components use.
"""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path

#: Package, file in it, and the name it has here.
PACKAGES = (
    ("@utrecht/component-library-css@9.0.4", "package/dist/html.css", "utrecht.css"),
    ("@nl-design-system-unstable/voorbeeld-design-tokens@7.4.1", "package/dist/theme.css", "tokens.css"),
)
TO = Path("src/lsi_match/desk/static")


def fetched(package: str, file: str) -> str:
    """A file of a package, as text."""
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            ["npm", "pack", package, "--json"], cwd=folder, check=True, capture_output=True
        )
        with tarfile.open(Path(folder) / json.loads(packed.stdout)[0]["filename"]) as archive:
            found = archive.extractfile(file)
            assert found is not None, file
            return found.read().decode()


def used(theme: str, components: str) -> str:
    """The theme with the tokens only that the components use, or that these tokens use."""
    tokens = dict(re.findall(r"^\s*(--[\w-]+):\s*(.*?);$", theme, re.MULTILINE))
    wanted, waiting = set[str](), re.findall(r"var\((--[\w-]+)", components)
    while waiting:
        name = waiting.pop()
        if name in tokens and name not in wanted:
            wanted.add(name)
            waiting += re.findall(r"var\((--[\w-]+)", tokens[name])
    lines = "".join(f"  {name}: {tokens[name]};\n" for name in sorted(wanted))
    return "/** @license EUPL-1.2 */\n.voorbeeld-theme {\n" + lines + "}\n"


if __name__ == "__main__":
    components, theme = (fetched(package, file) for package, file, _ in PACKAGES)
    (TO / PACKAGES[0][2]).write_text(components)
    (TO / PACKAGES[1][2]).write_text(used(theme, components))
