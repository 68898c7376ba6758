"""A database's schema, in a form that can be compared."""

import asyncpg

_QUERIES = {
    "columns": """
        SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull,
            row_number() OVER (PARTITION BY attrelid ORDER BY attnum),
            pg_get_expr(adbin, adrelid)
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped
    """,
    "tables": "SELECT oid::regclass::text, reloptions FROM pg_class "
    "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
    "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = 'public'::regnamespace",
    "indexes": "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "functions": "SELECT oid::regprocedure::text, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    "triggers": "SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "types": "SELECT typname, typtype FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype <> 'b'",
}
_ALEMBIC = "alembic_version"
_QUEUE = "procrastinate_"

Schema = dict[str, set[tuple[object, ...]]]


async def schema_of(url: str, *, queue: bool = True) -> Schema:
    """Return the schema without Alembic's table and, if `queue` is false, without the job queue."""
    connection = await asyncpg.connect(dsn=url, timeout=5)
    try:
        found = {name: {tuple(map(str, row)) for row in await connection.fetch(q)} for name, q in _QUERIES.items()}
    finally:
        await connection.close()
    left_out = _ALEMBIC if queue else (_ALEMBIC, _QUEUE)
    return {name: {row for row in rows if not str(row[0]).startswith(left_out)} for name, rows in found.items()}


def is_empty(schema: Schema) -> bool:
    """Return whether the schema has no objects."""
    return not any(schema.values())
