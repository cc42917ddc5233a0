import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def metrics(golden_dir: Path) -> dict[str, Any]:
    return json.loads((golden_dir / "metrics.json").read_text())
