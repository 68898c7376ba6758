"""The query of the report: one row per user, each column the final text of a cell.

`app.second_factor.settings` computes the same status for one user, and a test compares the two. Here Postgres
computes it for all users in one set-based query. For a million users, a query for each would take a hundred times
as long.
"""

# Postgres regular expressions (ARE). A spreadsheet formula begins with one of _FORMULA: ASCII characters and their
# full-width and small forms. Invisible characters (_UNSEEN) may precede it: spaces of any width, control
# characters, directional marks, zero-width characters.
_FORMULA = r"-=+@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b"
_UNSEEN = (
    r"\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f"
    r"\u2028-\u202f\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff"
)
# Characters inside a cell at which a spreadsheet may begin a new cell, because it uses another separator than the
# comma or ends a row at a quoted line break. Our quotes then protect nothing, and one of them may begin the new
# cell: hence _QUOTE in _HOLDS_FORMULA.
_SEPARATOR = r",;|\t\n\v\f\r\u0085\u2028\u2029"
_QUOTE = '"'

_BEGINS_WITH_FORMULA = rf"^[{_UNSEEN}]*[{_FORMULA}\t\r\n]"
_HOLDS_FORMULA = rf"([{_SEPARATOR}])(?=[{_UNSEEN}{_QUOTE}]*[{_FORMULA}])"

QUOTED = ("name", "email", "methods")
"""The columns whose cells are always quoted, because they may contain one of _SEPARATOR."""

_SETS = "SELECT id FROM recovery_code_sets WHERE account_id = $1 AND user_id = ANY($6)"


def _guarded(cell: str) -> str:
    """Return SQL for the cell with an apostrophe before everything that may start a formula.

    That is the start of the cell, and each separator in it.
    """
    text = f'{cell} COLLATE "C"'
    return rf"""
        CASE WHEN {text} ~ '{_BEGINS_WITH_FORMULA}' THEN '''' ELSE '' END
        || CASE WHEN {text} ~ '{_HOLDS_FORMULA}' THEN regexp_replace({text}, '{_HOLDS_FORMULA}', '\1''', 'g')
                ELSE {cell} END"""


def _time(moment: str) -> str:
    """Return SQL for a time as in the API: with six fractional digits, or none if they are zero."""
    text = f"""to_char({moment} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
    return f"replace({text}, '.000000Z', 'Z')"


def _boolean(condition: str) -> str:
    return f"CASE WHEN {condition} THEN 'true' ELSE 'false' END"


def status_query(*, by_user_ids: bool) -> str:
    """Return the query, ordered by e-mail address.

    Its parameters are the account's id ($1), the roles to report ($2), the roles of which the account requires 2FA
    ($3), the policy's `trusted_device_days` ($4), and the current time ($5). With `by_user_ids` it takes user ids
    too ($6): then the subqueries read the rows of these users only, not of all the account's end users.
    """
    of_users = "AND user_id = ANY($6)" if by_user_ids else ""
    of_sets = f"AND set_id IN ({_SETS})" if by_user_ids else ""
    these = "AND u.id = ANY($6)" if by_user_ids else ""
    required = "u.role = ANY($3)"
    return f"""
    SELECT u.id AS user_id,
           {_guarded("u.name")} AS name,
           {_guarded("u.email")} AS email,
           u.role,
           u.status,
           CASE WHEN a.user_id IS NULL AND u.password_hash IS NULL AND i.user_id IS NOT NULL THEN 'not_applicable'
                WHEN a.user_id IS NULL AND {required} THEN 'setup_required'
                WHEN a.user_id IS NULL THEN 'off'
                WHEN {required} OR s.turned_on_by_user THEN 'on'
                ELSE 'off' END AS two_factor,
           {_boolean(required)} AS required_by_account,
           {_boolean("s.turned_on_by_user")} AS turned_on_by_user,
           a.methods,
           s.passcode_frequency,
           coalesce(c.unused, 0) AS recovery_codes_left,
           coalesce(d.living, 0) AS trusted_devices,
           {_time("a.enrolled_at")} AS enrolled_at,
           {_time("s.last_passcode_at")} AS last_passcode_at,
           {_time("u.last_sign_in_at")} AS last_sign_in_at,
           (SELECT {_boolean("test")} FROM accounts WHERE id = $1) AS test_account
    FROM users u
    JOIN second_factor_state s ON s.account_id = u.account_id AND s.user_id = u.id
    LEFT JOIN (
        SELECT user_id, string_agg(kind, ';' ORDER BY kind) AS methods, min(created_at) AS enrolled_at
        FROM (
            SELECT user_id, kind, min(created_at) AS created_at
            FROM authenticators WHERE account_id = $1 {of_users} GROUP BY user_id, kind
        ) AS by_kind GROUP BY user_id
    ) AS a ON a.user_id = u.id
    LEFT JOIN (
        SELECT DISTINCT user_id FROM sso_identities WHERE account_id = $1 {of_users}
    ) AS i ON i.user_id = u.id
    LEFT JOIN (
        SELECT user_id, unused
        FROM recovery_code_sets
        JOIN (
            SELECT set_id, count(*) AS unused
            FROM recovery_codes
            WHERE account_id = $1 AND used_at IS NULL {of_sets}
            GROUP BY set_id
        ) AS by_set ON set_id = id
        WHERE account_id = $1 {of_users}
    ) AS c ON c.user_id = u.id
    LEFT JOIN (
        SELECT user_id, count(*) AS living
        FROM trusted_devices
        WHERE account_id = $1 {of_users} AND trusted_at + make_interval(days => least(days, $4)) > $5
        GROUP BY user_id
    ) AS d ON d.user_id = u.id
    WHERE u.account_id = $1 AND u.role = ANY($2) AND u.kind = 'person' {these}
    ORDER BY u.email_key COLLATE "C"
    """  # noqa: S608 -- built from constants
