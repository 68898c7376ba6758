WITH admitted AS MATERIALIZED (
  SELECT s.user_id
  FROM second_factor_state AS s, sign_ins AS i, authenticators AS a
  WHERE s.account_id = $1 AND s.user_id = $2
    AND s.version = $3 AND s.failures = $4 AND s.passcode_frequency = $5
    AND s.blocked_until IS NOT DISTINCT FROM $6 AND s.authenticators_disabled_at IS NULL
    AND i.account_id = $1 AND i.id = $7 AND i.used_at IS NULL
    AND a.account_id = $1 AND a.user_id = $2 AND a.id = $8
    AND a.last_accepted_step < $9
  FOR NO KEY UPDATE OF s, i, a
),
accepted AS (
  UPDATE authenticators AS a SET last_accepted_step = $9, last_used_at = $10
  FROM admitted
  WHERE a.account_id = $1 AND a.id = $8
),
reset AS (
  UPDATE second_factor_state AS s
  SET failures = 0, blocked_until = NULL, step_up_blocked_until = NULL, last_passcode_at = $10
  FROM admitted
  WHERE s.account_id = $1 AND s.user_id = $2
),
used AS (
  UPDATE sign_ins AS i SET used_at = $10
  FROM admitted
  WHERE i.account_id = $1 AND i.id = $7
),
trusted AS (
  INSERT INTO trusted_devices (account_id, id, user_id, secret_digest, trusted_at, days, ip, user_agent)
  SELECT $1, $11, $2, $12, $10, $13, $14, $15
  FROM admitted
  WHERE CAST($11 AS uuid) IS NOT NULL
),
replaced AS (
  DELETE FROM trusted_devices AS d
  USING admitted
  WHERE d.account_id = $1 AND d.user_id = $2 AND d.id = ANY ($16)
),
opened AS (
  INSERT INTO sessions (account_id, id, user_id, token_digest, amr, first_factor_at, second_factor_at,
                        created_at, last_seen_at, ip, user_agent)
  SELECT $1, $17, $2, $18, $19, $20, $21,
         $10, $10, $14, $15
  FROM admitted
),
recorded AS (
  INSERT INTO audit_events (account_id, id, type, at, actor_id, credential, target_type,
                            target_id, ip, user_agent, request_id, details)
  SELECT e.account_id, e.id, e.type, e.at, e.actor_id, e.credential, e.target_type, e.target_id,
         e.ip, e.user_agent, e.request_id, e.details
  FROM jsonb_to_recordset($22::JSONB) AS e (
    account_id uuid, id uuid, type text, at timestamptz, actor_id uuid, credential text, target_type text,
    target_id uuid, ip text, user_agent text, request_id text, details jsonb)
  CROSS JOIN admitted
),
signed_in AS (
  UPDATE users AS u SET last_sign_in_at = $10
  FROM admitted
  WHERE u.account_id = $1 AND u.id = $2
  RETURNING u.id, u.email, u.name, u.role, u.status, u.external_id, u.locale, u.created_at, u.last_sign_in_at,
            u.kind, u.test_passcode
)
SELECT signed_in.*,
       (SELECT count(*)
        FROM recovery_code_sets AS cs
        JOIN recovery_codes AS c ON c.account_id = cs.account_id AND c.set_id = cs.id
        WHERE cs.account_id = $1 AND cs.user_id = $2 AND c.used_at IS NULL) AS codes_left,
       CASE WHEN CAST($23::JSONB AS jsonb) IS NOT NULL THEN (SELECT procrastinate_defer_jobs_v1(ARRAY[CAST(
    ROW(CAST($24 AS text), CAST($25 AS text), 0, CAST($26 AS text), CAST($27 AS text),
        CAST($23::JSONB AS jsonb), NULL) AS procrastinate_job_to_defer_v1)])) END
FROM signed_in
