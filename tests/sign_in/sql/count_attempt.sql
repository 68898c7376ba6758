WITH counted AS (
  UPDATE second_factor_state AS s
  SET failures = $1, blocked_until = $2,
      authenticators_disabled_at = $3
  WHERE s.account_id = $4 AND s.user_id = $5
    AND s.version = $6 AND s.failures = $7
    AND s.blocked_until IS NOT DISTINCT FROM $8
    AND EXISTS (SELECT FROM sign_ins AS i
                WHERE i.account_id = $4 AND i.id = $9 AND i.used_at IS NULL)
  RETURNING s.user_id
),
recorded AS (
  INSERT INTO audit_events (account_id, id, type, at, actor_id, credential, target_type,
                            target_id, ip, user_agent, request_id, details)
  SELECT e.account_id, e.id, e.type, e.at, e.actor_id, e.credential, e.target_type, e.target_id,
         e.ip, e.user_agent, e.request_id, e.details
  FROM jsonb_to_recordset($10::JSONB) AS e (
    account_id uuid, id uuid, type text, at timestamptz, actor_id uuid, credential text, target_type text,
    target_id uuid, ip text, user_agent text, request_id text, details jsonb)
  CROSS JOIN counted
)
SELECT counted.user_id,
       CASE WHEN CAST($11::JSONB AS jsonb) IS NOT NULL THEN (SELECT procrastinate_defer_jobs_v1(ARRAY[CAST(
    ROW(CAST($12 AS text), CAST($13 AS text), 0, CAST($14 AS text), CAST($15 AS text),
        CAST($11::JSONB AS jsonb), NULL) AS procrastinate_job_to_defer_v1)])) END
FROM counted
