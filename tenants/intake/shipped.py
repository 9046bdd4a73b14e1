"""The mappings and files that come with the project, by name."""

from __future__ import annotations

import hashlib
from pathlib import Path

from domain.intake.mapping import MappingRefused
from domain.intake.mapping_file import read_mapping
from tenants.database import Database
from tenants.intake.jobs import Progress
from tenants.intake.run import Source, load_all
from tenants.organisation import Directory

SHIPPED = Path(__file__).resolve().parent / "shipped"
REGIONS = SHIPPED / "regions_china_2023.csv"


def source_of(file: Path, mapping: str | Path) -> Source:
    """The file with its mapping: a path, or the name of a shipped one. Raises MappingRefused."""
    path = _mapping_path(mapping)
    try:
        written = path.read_bytes()
        read = read_mapping(written.decode("utf-8"))
    except (OSError, UnicodeDecodeError) as problem:
        raise MappingRefused(f"{path}: {problem}") from None
    except MappingRefused as refused:
        raise MappingRefused(f"{path}:\n{refused}") from None
    return Source(file, read, hashlib.sha256(written).hexdigest())


def _mapping_path(mapping: str | Path) -> Path:
    path = Path(mapping)
    shipped = SHIPPED / f"{mapping}.toml"
    if path.is_file() or not shipped.is_file():
        if not path.is_file() and not path.suffix:
            known = ", ".join(sorted(p.stem for p in SHIPPED.glob("*.toml")))
            raise MappingRefused(f"there is no mapping {str(mapping)!r}; a path, or one of: {known}")
        return path
    return shipped


async def load_regions(database: Database, directory: Directory) -> Progress:
    """Load China's provinces and their indicators, in one transaction; what is there already stays."""
    return await load_all(database, directory, source_of(REGIONS, "regions_china"))
