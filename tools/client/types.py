"""Check the types of the web page's modules, which stand in their comments, with TypeScript: ``python -m tools.client.types``."""

import subprocess
import sys

from tools.client.vendor import CLIENT, MODULES


def main() -> int:
    """TypeScript's own exit status; 2 when it is not there."""
    compilers = sorted(MODULES.glob("@typescript/typescript-*/lib/tsc*"))
    programs = [path for path in compilers if path.name in ("tsc", "tsc.exe")]
    if not programs:
        print("TypeScript is not there; run: python -m tools.client.vendor --dev", file=sys.stderr)
        return 2
    return subprocess.run([str(programs[0]), "--project", str(CLIENT / "tsconfig.json")], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
