"""A process whose threads take turns with those of others: ``python -m tests.unit.locks.count_up URL NAME THREADS TURNS``."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from holdfast.locks import open_locks


def main(url: str, name: str, threads: int, turns: int) -> None:
    locks = open_locks(url)

    def work(_: int) -> list[str]:
        lines = []
        for _turn in range(turns):
            with locks.lock(name, timeout_s=200.0) as held:
                began_ns = time.monotonic_ns()
                assert held.is_held()
                time.sleep(0.001)
                lines.append(f"turn {held.fence} {began_ns} {time.monotonic_ns()}")
        return lines

    with ThreadPoolExecutor(threads) as pool:
        for lines in pool.map(work, range(threads)):
            sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
