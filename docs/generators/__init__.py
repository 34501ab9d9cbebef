"""What the site says of the code, made from the code: an extension of Sphinx.

At the beginning of each build the pages of ``docs/reference/{api,messages}`` and the table of error codes are written
anew, those that have changed; they are not kept in the repository.

* `schema` what protos/ says, what belongs together, and units.
* `messages`, `codes`, `api` the pages; `rest` and `words` what they are put together from.
* `names` what backticks and annotations link to.
* `shown` how members and signatures are shown.
* `machines`, `drawing` the state machines, as a table and as a picture.

Everything but `names`, `shown` and `machines` works without Sphinx, for the tests.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sphinx.application import Sphinx

REFERENCE: Final = Path(__file__).resolve().parent.parent / "reference"


def pages() -> dict[str, str]:
    """Give every page that is made, by its path within docs/reference."""
    from generators import api, codes, messages, schema

    reference = schema.read()
    return {**messages.pages(reference), **codes.pages(reference), **api.pages()}


def write(app: object = None) -> None:
    """Write the pages; what has not changed is left alone, what is made no more is removed."""
    made = pages()
    for path, text in made.items():
        file = REFERENCE / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
    for file in REFERENCE.rglob("*.rst"):
        if file.relative_to(REFERENCE).as_posix() not in made:
            file.unlink()


def setup(app: Sphinx) -> dict[str, Any]:
    from generators import machines, names, shown

    names.setup(app)
    shown.setup(app)
    machines.setup(app)
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
