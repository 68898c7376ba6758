"""Whatever admins and a user do, in any order: a right password gets the answer of docs/api.md section 4's table.

Hypothesis draws acts, each of which changes something (tests/sign_in/living.py); a model of a dozen lines says
what the service must answer after each of them (tests/sign_in/expected.py). `--hypothesis-seed=N` draws others.
"""

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from app.core.callers import Role
from tests.sign_in.living import GROUPS, AccountHistory
from tests.support.account.arrange import Tenant, make_tenant
from tests.support.programs.bridge import Bridge, beside

LIVES = 10  # from the eleventh on, Hypothesis repeats itself more than it tries
ACTS = 40

roles, days_then_and_now = st.sampled_from(list(GROUPS)), st.permutations([7, 30])


async def test_any_order_of_acts_ends_in_the_row_of_the_table(tenant: Tenant, pytestconfig: pytest.Config) -> None:
    async def begin(role: Role, days: list[int]) -> AccountHistory:
        return await AccountHistory.begin(
            await make_tenant(tenant.app, tenant.services, tenant.clock), role, *days
        )

    def explore(bridge: Bridge) -> None:
        @settings(
            max_examples=LIVES,
            phases=[Phase.generate],  # a failure as it was met: to shrink it takes minutes
            derandomize=pytestconfig.getoption("--hypothesis-seed") is None,
            database=None,
        )
        @given(st.data(), roles, days_then_and_now)
        def live(data: st.DataObject, role: Role, days: list[int]) -> None:
            life = bridge.run(begin(role, days))
            for _ in range(ACTS):
                act = data.draw(st.sampled_from(life.possible_acts).flatmap(st.sampled_from))
                bridge.run(life.go_on(act))

        live()

    await beside(explore)
