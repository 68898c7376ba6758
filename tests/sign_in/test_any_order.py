"""After any order of acts, a password gets the answer of the table in docs/api.md section 4.

Hypothesis draws acts that each change something (tests/sign_in/account_history.py). A small model says what the
service must answer after each act (tests/sign_in/expected.py). `--hypothesis-seed=N` draws other acts.
"""

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from app.core.callers import Role
from tests.sign_in.account_history import GROUPS, AccountHistory
from tests.support.account.arrange import Tenant, make_tenant
from tests.support.programs.bridge import Bridge, beside

HISTORIES = 10  # with more, Hypothesis mostly repeats acts
ACTS = 40

roles, days_then_and_now = st.sampled_from(list(GROUPS)), st.permutations([7, 30])


async def test_after_any_order_of_acts_the_answers_match_the_table(
    tenant: Tenant, pytestconfig: pytest.Config
) -> None:
    async def begin(role: Role, days: list[int]) -> AccountHistory:
        return await AccountHistory.begin(
            await make_tenant(tenant.app, tenant.services, tenant.clock), role, *days
        )

    def explore(bridge: Bridge) -> None:
        @settings(
            max_examples=HISTORIES,
            phases=[Phase.generate],  # no shrinking: it takes minutes
            derandomize=pytestconfig.getoption("--hypothesis-seed") is None,
            database=None,
        )
        @given(st.data(), roles, days_then_and_now)
        def run_history(data: st.DataObject, role: Role, days: list[int]) -> None:
            history = bridge.run(begin(role, days))
            for _ in range(ACTS):
                act = data.draw(st.sampled_from(history.possible_acts).flatmap(st.sampled_from))
                bridge.run(history.perform(act))

        run_history()

    await beside(explore)
