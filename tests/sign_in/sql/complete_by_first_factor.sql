WITH admitted AS MATERIALIZED (
  SELECT u.id AS user_id
  FROM users AS u
  WHERE u.account_id = $1 AND u.id = $2
),
opened AS (
  INSERT INTO sessions (account_id, id, user_id, token_digest, amr, first_factor_at, second_factor_at,
                        created_at, last_seen_at, ip, user_agent)
  SELECT $1, $3, $2, $4, $5, $6, $7,
         $8, $8, $9, $10
  FROM admitted
),
recorded AS (
  INSERT INTO audit_events (account_id, id, type, at, actor_id, credential, target_type,
                            target_id, ip, user_agent, request_id, details)
  SELECT e.account_id, e.id, e.type, e.at, e.actor_id, e.credential, e.target_type, e.target_id,
         e.ip, e.user_agent, e.request_id, e.details
  FROM jsonb_to_recordset($11::JSONB) AS e (
    account_id uuid, id uuid, type text, at timestamptz, actor_id uuid, credential text, target_type text,
    target_id uuid, ip text, user_agent text, request_id text, details jsonb)
  CROSS JOIN admitted
),
signed_in AS (
  UPDATE users AS u SET last_sign_in_at = $8
  FROM admitted
  WHERE u.account_id = $1 AND u.id = $2
  RETURNING u.id, u.email, u.name, u.role, u.status, u.external_id, u.locale, u.created_at, u.last_sign_in_at,
            u.kind, u.test_passcode
)
SELECT signed_in.*,
       (SELECT count(*)
        FROM recovery_code_sets AS cs
        JOIN recovery_codes AS c ON c.account_id = cs.account_id AND c.set_id = cs.id
        WHERE cs.account_id = $1 AND cs.user_id = $2 AND c.used_at IS NULL) AS codes_left
FROM signed_in
