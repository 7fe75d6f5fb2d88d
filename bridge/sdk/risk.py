"""Limits, trading states, halt, kill and resume."""

from bridge.control_answers import KillReport, LimitState, RiskState
from bridge.outputs.http.documents import LimitPage, RiskStates
from bridge.sdk.wire import Wire


class Risk:
    """Limits, trading states, halt, kill and resume. Scopes: global, broker, account, strategy, session, symbol."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def kill(
        self,
        *,
        reason: str,
        account: str | None = None,
        scope: str | None = None,
        name: str = "",
        flatten: bool = False,
    ) -> KillReport:
        """Fence and cancel everything in a scope, global unless an account or another scope is named."""
        body = {**_scope(account, scope, name), "reason": reason, "flatten": flatten}
        report, _ = await self._wire.request("POST", "/v1/risk/kill", KillReport, body=body)
        return report

    async def kill_report(self, kill_id: int) -> KillReport:
        """How far a kill is."""
        return await self._wire.get(f"/v1/risk/kills/{kill_id}", KillReport)

    async def halt(
        self,
        *,
        reason: str,
        account: str | None = None,
        scope: str | None = None,
        name: str = "",
        state: str = "cancel_only",
    ) -> RiskState:
        """Make a scope stricter: reduce_only, cancel_only, locked."""
        body = {**_scope(account, scope, name), "reason": reason, "state": state}
        answer, _ = await self._wire.request("POST", "/v1/risk/halt", RiskState, body=body, once=True)
        return answer

    async def resume(
        self,
        *,
        reason: str,
        account: str | None = None,
        scope: str | None = None,
        name: str = "",
        state: str = "active",
    ) -> RiskState:
        """Make a scope looser."""
        body = {**_scope(account, scope, name), "reason": reason, "state": state}
        answer, _ = await self._wire.request("POST", "/v1/risk/resume", RiskState, body=body, once=True)
        return answer

    async def states(self) -> RiskStates:
        """Every scope that is not active, and what is used of the limits."""
        return await self._wire.get("/v1/risk/states", RiskStates)

    async def limits(self) -> list[LimitState]:
        """Every limit in force."""
        return list((await self._wire.get("/v1/risk/limits", LimitPage)).items)


def _scope(account: str | None, scope: str | None, name: str) -> dict[str, str]:
    if account is not None:
        return {"scope": "account", "name": account}
    return {"scope": scope or "global", "name": name}
