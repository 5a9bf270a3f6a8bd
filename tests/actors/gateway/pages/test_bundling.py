"""Scripts with all that they import, as one file."""

import re

import pytest

from stretto.actors.gateway.pages.asset_files import FOLDER
from stretto.actors.gateway.pages.bundling import CannotBundle, bundled

SCRIPTS = {path.name: path.read_text() for path in FOLDER.glob("*.js")}


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_every_script_is_one_file(name: str) -> None:
    """It imports nothing, and has what it imports only once."""
    text = bundled(name, SCRIPTS)
    assert not re.search(r"^import\b", text, re.MULTILINE)
    defined = re.findall(r"^const (\$\w+) = \(\(\) =>", text, re.MULTILINE)
    assert len(defined) == len(set(defined))


def test_modules_run_in_the_order_in_which_they_are_imported() -> None:
    """And see the names that they import, also by another name."""
    files = {
        "a.js": 'import { two as b, Three } from "./b.js";\nimport "./c.js";\n\nexport const all = [b(), Three];\n',
        "b.js": 'import { one } from "./c.js";\nexport function two() {\n  return one + 1;\n}\nexport class Three {}\n',
        "c.js": "export const one = 1;\nexport async function later() {}\n",
    }
    text = bundled("a.js", files)
    assert text.index("const one = 1") < text.index("function two") < text.index("const all")
    assert "const { two: b, Three } = $b;" in text
    assert "return { one, later };" in text
    assert "const { one } = $c;" in text
    assert "export" not in text
    assert bundled("c.js", files) == files["c.js"]


@pytest.mark.parametrize(
    "text",
    ['import "./none.js";', 'import "./a.js";', 'import all from "./b.js";', 'import * as b from "./b.js";',
     'import "./b.js";\nexport default 1;', 'import "./b.js";\nconst later = import("./b.js");'],
)  # fmt: skip
def test_other_forms_are_refused(text: str) -> None:
    """Each script is bundled by the tests of the pages."""
    with pytest.raises(CannotBundle):
        bundled("a.js", {"a.js": f'import "./b.js";\n{text}\n', "b.js": "export const one = 1;\n"})
