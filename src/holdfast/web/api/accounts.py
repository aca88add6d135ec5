"""Accounts: what they are worth, what they do, what keeps them from it."""

from fastapi import APIRouter, Depends, Response

from holdfast.views.performance import Valuation
from holdfast.views.sessions import SessionView
from holdfast.views.status import AccountStatus
from holdfast.web.answers import items_answer, json_answer, rests_on
from holdfast.web.auth.permissions import READ, may
from holdfast.web.context import Here
from holdfast.web.schemas import Schema, answered, list_schema, reference, struct_schema
from holdfast.web.shown import shown

router = APIRouter(tags=["accounts"], dependencies=[Depends(may(READ))])


def _account_schema() -> Schema:
    """An account's status with the fields of its valuation among its own, those without one null or left out."""
    status, worth = struct_schema(AccountStatus), struct_schema(Valuation)
    own = {name: schema for name, schema in status["properties"].items() if name != "valuation"}
    maybe = {name: {"anyOf": [schema, {"type": "null"}]} for name, schema in worth["properties"].items()}
    session = {"session": {"anyOf": [reference(SessionView), {"type": "null"}]}}
    required = [*own, "equity", "cash", "day_pnl", "valued"]
    return {
        "type": "object",
        "description": status["description"],
        "required": required,
        "properties": own | maybe | session,
    }


ACCOUNT = _account_schema()


@router.get("/accounts", responses=answered(list_schema(ACCOUNT), "Every account."))
def list_accounts(web: Here) -> Response:
    """Every account of the configuration, in its order."""
    with web.reading.at_once() as reader:
        return items_answer(reader, [shown(web.config, reader, account) for account in web.config.accounts])


@router.get("/accounts/{account}", responses=answered(ACCOUNT, "The account."))
def get_account(account: str, web: Here) -> Response:
    """One account."""
    configured = web.account(account)
    with web.reading.at_once() as reader:
        return json_answer(shown(web.config, reader, configured) | rests_on(reader))
