"""A broker is named in its adapter and its simulator, and in few other places."""

from pathlib import Path

import holdfast
from holdfast.adapters.registry import SHIPPED
from holdfast.core.messages import PAPER

SOURCE = Path(holdfast.__file__).parent
NAMED_IN = {
    "adapters/registry.py",  # loads it
    "cli/app.py",  # `holdfast torture --broker`
    "cli/sim.py",
    "cli/sim_app.py",  # `holdfast sim alpaca`, moved out of app.py
    "data/guess.py",  # columns of files that people have from there
    "data/known.py",
    *(f"torture/world/{name}.py" for name in ("broker", "wire")),  # imitate it
}
"""Where else one is named. This list only shrinks: what differs between brokers is asked of the adapter."""


def test_a_broker_is_named_in_few_places() -> None:
    """Outside its adapter and its simulator a broker's name is in these files and in no other."""
    names = SHIPPED.keys() - {PAPER}
    boxes = [path.name for path in (SOURCE / "sim").iterdir() if path.is_dir() and path.name != "chassis"]
    inside = (*(f"adapters/{name}/" for name in names), *(f"sim/{box}/" for box in boxes))
    texts = {path.relative_to(SOURCE).as_posix(): path.read_text().lower() for path in SOURCE.rglob("*.py")}
    found = {where for where, text in texts.items() if not where.startswith(inside) and any(n in text for n in names)}
    assert found == NAMED_IN
