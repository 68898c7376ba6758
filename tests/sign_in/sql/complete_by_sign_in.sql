WITH admitted AS MATERIALIZED (
  SELECT i.user_id
  FROM sign_ins AS i
  WHERE i.account_id = $1 AND i.id = $2 AND i.used_at IS NULL
  FOR NO KEY UPDATE OF i
),
used AS (
  UPDATE sign_ins AS i SET used_at = $3
  FROM admitted
  WHERE i.account_id = $1 AND i.id = $2
),
trusted AS (
  INSERT INTO trusted_devices (account_id, id, user_id, secret_digest, trusted_at, days, ip, user_agent)
  SELECT $1, $4, $5, $6, $3, $7, $8, $9
  FROM admitted
  WHERE CAST($4 AS uuid) IS NOT NULL
),
replaced AS (
  DELETE FROM trusted_devices AS d
  USING admitted
  WHERE d.account_id = $1 AND d.user_id = $5 AND d.id = ANY ($10)
),
opened AS (
  INSERT INTO sessions (account_id, id, user_id, token_digest, amr, first_factor_at, second_factor_at,
                        created_at, last_seen_at, ip, user_agent)
  SELECT $1, $11, $5, $12, $13, $14, $15,
         $3, $3, $8, $9
  FROM admitted
),
recorded AS (
  INSERT INTO audit_events (account_id, id, type, at, actor_id, credential, target_type,
                            target_id, ip, user_agent, request_id, details)
  SELECT e.account_id, e.id, e.type, e.at, e.actor_id, e.credential, e.target_type, e.target_id,
         e.ip, e.user_agent, e.request_id, e.details
  FROM jsonb_to_recordset($16::JSONB) AS e (
    account_id uuid, id uuid, type text, at timestamptz, actor_id uuid, credential text, target_type text,
    target_id uuid, ip text, user_agent text, request_id text, details jsonb)
  CROSS JOIN admitted
),
signed_in AS (
  UPDATE users AS u SET last_sign_in_at = $3
  FROM admitted
  WHERE u.account_id = $1 AND u.id = $5
  RETURNING u.id, u.email, u.name, u.role, u.status, u.external_id, u.locale, u.created_at, u.last_sign_in_at,
            u.kind, u.test_passcode
)
SELECT signed_in.*,
       (SELECT count(*)
        FROM recovery_code_sets AS cs
        JOIN recovery_codes AS c ON c.account_id = cs.account_id AND c.set_id = cs.id
        WHERE cs.account_id = $1 AND cs.user_id = $5 AND c.used_at IS NULL) AS codes_left,
       CASE WHEN CAST($17::JSONB AS jsonb) IS NOT NULL THEN (SELECT procrastinate_defer_jobs_v1(ARRAY[CAST(
    ROW(CAST($18 AS text), CAST($19 AS text), 0, CAST($20 AS text), CAST($21 AS text),
        CAST($17::JSONB AS jsonb), NULL) AS procrastinate_job_to_defer_v1)])) END
FROM signed_in
