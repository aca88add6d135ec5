"""What requests about users have in them. An error never repeats what was sent."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from holdfast.web.auth.permissions import Role

Name = Annotated[str, Field(min_length=1, max_length=64)]
Password = Annotated[str, Field(min_length=1, max_length=1024)]
Code = Annotated[str, Field(max_length=64)]
Token = Annotated[str, Field(min_length=1, max_length=200)]


class Body(BaseModel):
    """Base of bodies: what has no name here is refused."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Login(Body):
    """Who logs in."""

    name: Name
    password: Password
    code: Code = ""


class Refresh(Body):
    """A refresh token."""

    refresh_token: Token


class NewUser(Body):
    """A user to be made."""

    name: Name
    password: Password
    role: Role


class NewRole(Body):
    """Another role."""

    role: Role


class NewPassword(Body):
    """Another password, from an admin."""

    password: Password


class OwnPassword(Body):
    """Another password of one's own, with the one so far."""

    password: Password
    new_password: Password
    code: Code = ""


class Confirmed(Body):
    """A first code."""

    code: Code


class Removed(Body):
    """Who turns the second factor off: password and code once more."""

    password: Password
    code: Code


class NewKey(Body):
    """A key to be made."""

    label: Name
    scopes: Annotated[list[Literal["read", "trade", "signal"]], Field(min_length=1, max_length=3)]
    kind: Literal["bearer", "signing"] = "bearer"
    strategy: Annotated[str, Field(max_length=64)] = ""
    owner: Annotated[str, Field(max_length=64)] = ""
