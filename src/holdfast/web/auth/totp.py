"""The second factor: codes that change every half minute, each good once, and recovery codes for a lost telephone."""

import hmac
import re

import pyotp
import sqlalchemy as sa

from holdfast.core.types import SECOND_NS
from holdfast.errors import Refused
from holdfast.web.auth import chance, schema
from holdfast.web.auth.sealing import TOTP
from holdfast.web.auth.store import Store
from holdfast.web.auth.users import By

STEP_S = 30
DRIFT = 1
"""How many steps a telephone's clock may be off, either way."""
RECOVERY_CODES, RECOVERY_LENGTH = 10, 20
_CODE = re.compile(r"[0-9]{6}")
_TABLE, _RECOVERY = schema.users, schema.recovery_codes


class SecondFactor:
    """The second factors of a store's users."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def enrol(self, name: str) -> tuple[str, str]:
        """A new secret, and the address that a telephone reads as a picture. It counts from its first code on. Raises Refused."""
        secret = pyotp.random_base32()
        off = (_TABLE.c.name == name) & (_TABLE.c.totp_on == 0)
        with self._store.begin() as connection:
            kept = self._store.sealing.keep(connection, (TOTP, name), name, secret)
            changed = connection.execute(sa.update(_TABLE).where(off).values(totp_secret=kept, totp_step=0))
            if not changed.rowcount:
                raise Refused("there is a second factor already; remove it first")
        return secret, pyotp.TOTP(secret, name=name, issuer="Holdfast").provisioning_uri()

    def confirm(self, name: str, code: str, by: By) -> list[str] | None:
        """Turn it on with its first code; gives the recovery codes, which are shown this once. None for a wrong code."""
        codes = [chance.short(RECOVERY_LENGTH) for _ in range(RECOVERY_CODES)]
        with self._store.begin() as connection:
            row = connection.execute(sa.select(_TABLE).where(_TABLE.c.name == name)).one_or_none()
            if row is None or row.totp_on or not row.totp_secret or not self._use(connection, name, code):
                return None
            connection.execute(sa.update(_TABLE).where(_TABLE.c.name == name).values(totp_on=1))
            connection.execute(sa.delete(_RECOVERY).where(_RECOVERY.c.name == name))
            rows = [{"name": name, "code": chance.digest(one)} for one in codes]
            connection.execute(sa.insert(_RECOVERY), rows)
            self._store.note(connection, by.event("second factor on", name))
        return codes

    def matches(self, name: str, code: str) -> bool:
        """Whether a code, or a recovery code, is the user's and was not used before. It is used now."""
        with self._store.begin() as connection:
            if self._use(connection, name, code):
                return True
            recovery = chance.digest(code.strip().lower().replace("-", ""))
            mine = (_RECOVERY.c.name == name) & (_RECOVERY.c.code == recovery)
            return bool(connection.execute(sa.delete(_RECOVERY).where(mine)).rowcount)

    def remove(self, name: str, by: By) -> None:
        """Turn it off."""
        with self._store.begin() as connection:
            off = {"totp_on": 0, "totp_secret": "", "totp_step": 0}
            connection.execute(sa.update(_TABLE).where(_TABLE.c.name == name).values(off))
            connection.execute(sa.delete(_RECOVERY).where(_RECOVERY.c.name == name))
            self._store.sealing.forget(connection, (TOTP, name))
            self._store.note(connection, by.event("second factor off", name))

    def _use(self, connection: sa.Connection, name: str, code: str) -> bool:
        """Whether a code is that of a step near now and after the last one used, which it is from here on."""
        if not _CODE.fullmatch(code):
            return False
        row = connection.execute(sa.select(_TABLE).where(_TABLE.c.name == name)).one_or_none()
        if row is None or not row.totp_secret:
            return False
        now = self._store.now_ns() // SECOND_NS // STEP_S
        steps = [now + drift for drift in range(-DRIFT, DRIFT + 1)]
        codes = pyotp.HOTP(self._store.sealing.read(connection, (TOTP, name), row.totp_secret))
        right = [step for step in steps if hmac.compare_digest(codes.at(step), code)]
        if not right:
            return False
        later = (_TABLE.c.name == name) & (_TABLE.c.totp_step < right[-1])
        return bool(connection.execute(sa.update(_TABLE).where(later).values(totp_step=right[-1])).rowcount)
