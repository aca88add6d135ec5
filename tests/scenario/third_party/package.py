"""Puts an adapter where packages are: a module, and the folder beside it that says what it offers."""

from pathlib import Path

SOURCE = Path(__file__).parent / "acme.py"


def install(folder: Path, value: str = "acme_broker:ADAPTER", name: str = "acme", source: str | None = None) -> Path:
    """A folder for ``sys.path`` in which pip seems to have installed a package ``acme-broker``."""
    folder.mkdir(exist_ok=True)
    (folder / "acme_broker.py").write_text(SOURCE.read_text() if source is None else source)
    about = folder / f"{name}_broker-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-broker\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[holdfast.adapters]\n{name} = {value}\n")
    return folder
