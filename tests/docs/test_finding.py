"""Commands and blocks are found in every form that documents use."""

import pytest

from tests.docs.documents import Block, blocks, commands, documents, parts

TEXT = """
Type `codesign run
  FLOW --out DIR` or `./dev test`; `codesign.run` is no command, nor is `./device`.

```sh
codesign chip new a.toml; codesign chip check a.toml   # makes one
# nothing
codesign run x \\
    --set "a=#1"
```

```
$ codesign doctor
output
codesign doctor
```

* in a list

  ```python
  import codesign
  ```

```json
{"codesign run": 1}
```
"""


def test_every_form_is_found() -> None:
    assert [(c.text, c.inline) for c in commands("d", TEXT)] == [
        ("codesign chip new a.toml ; codesign chip check a.toml", False),
        ('codesign run x --set "a=#1"', False),
        ("codesign doctor", False),
        ("codesign run FLOW --out DIR", True),
        ("./dev test", True),
    ]
    assert blocks("d", TEXT) == [Block("d", 0, "  import codesign\n")]


@pytest.mark.parametrize(("line", "found"), [("a b; c 'd e'", [["a", "b"], ["c", "d e"]]), ("a&&b", [["a"], ["b"]])])
def test_parts(line: str, found: list[list[str]]) -> None:
    assert parts(line) == found


def test_documents_are_found() -> None:
    names = documents()
    assert {"README.md", "docs/training.md", "flows/README.md", "hdl_templates/README.md"} <= names.keys()
    assert sum(len(commands(n, t)) for n, t in names.items()) > 20
