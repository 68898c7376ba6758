"""The two-factor status of every user as one query, whose columns are the finished cells of the report.

It says of each user what `app.second_factor.settings` says of one; a test holds the two against each other.
Postgres does all of it set by set: a million users asked for one by one would take a hundred times as long.
"""

# Regular expressions of Postgres (ARE). A formula begins with one of _FORMULA, full-width and small forms too,
# behind whatever is not seen: spaces of any width, controls, marks of direction, characters without width.
_FORMULA = r"-=+@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b"
_UNSEEN = (
    r"\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f"
    r"\u2028-\u202f\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff"
)
# Where a program may begin a cell that is set to another separator than the comma, or that takes a quoted line
# break for the end of a row: to such a program our quotes quote nothing, or they begin the cell.
_SEPARATOR = r",;|\t\n\v\f\r\u0085\u2028\u2029"
_QUOTE = '"'

_BEGINS_WITH_FORMULA = rf"^[{_UNSEEN}]*[{_FORMULA}\t\r\n]"
_HOLDS_FORMULA = rf"([{_SEPARATOR}])(?=[{_UNSEEN}{_QUOTE}]*[{_FORMULA}])"

QUOTED = ("name", "email", "methods")
"""The columns whose cells are always quoted: those that may hold a separator of some program."""

_SETS = "SELECT id FROM recovery_code_sets WHERE account_id = $1 AND user_id = ANY($6)"


def _guarded(cell: str) -> str:
    """Return the cell with an apostrophe before whatever a spreadsheet would run, whatever separates its cells."""
    text = f'{cell} COLLATE "C"'
    return rf"""
        CASE WHEN {text} ~ '{_BEGINS_WITH_FORMULA}' THEN '''' ELSE '' END
        || CASE WHEN {text} ~ '{_HOLDS_FORMULA}' THEN regexp_replace({text}, '{_HOLDS_FORMULA}', '\1''', 'g')
                ELSE {cell} END"""


def _time(moment: str) -> str:
    """As the API writes it: a fraction of six digits, or none."""
    text = f"""to_char({moment} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
    return f"replace({text}, '.000000Z', 'Z')"


def _boolean(condition: str) -> str:
    return f"CASE WHEN {condition} THEN 'true' ELSE 'false' END"


def status_query(*, of_few: bool) -> str:
    """Return the query, by e-mail address.

    It takes the account's id ($1), the roles of the users ($2) and those of whom the account requires 2FA ($3),
    for how many days it trusts devices ($4), and the moment ($5); `of_few` also the ids of the users ($6), so that
    a small team does not cost what the account's many end users do.
    """
    of_users = "AND user_id = ANY($6)" if of_few else ""
    of_sets = f"AND set_id IN ({_SETS})" if of_few else ""
    these = "AND u.id = ANY($6)" if of_few else ""
    required = "u.role = ANY($3)"
    return f"""
    SELECT u.id AS user_id,
           {_guarded("u.name")} AS name,
           {_guarded("u.email")} AS email,
           u.role,
           u.status,
           CASE WHEN a.user_id IS NULL AND {required} THEN 'setup_required'
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
           {_time("u.last_sign_in_at")} AS last_sign_in_at
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
    WHERE u.account_id = $1 AND u.role = ANY($2) {these}
    ORDER BY u.email_key COLLATE "C"
    """  # noqa: S608 -- put together from constants
