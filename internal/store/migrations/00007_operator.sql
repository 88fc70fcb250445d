-- Operators: users who hold a role, and their sessions in the console.

-- +goose Up
CREATE TABLE operator_role (
	user_id    TEXT   NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
	tenant     TEXT   NOT NULL,
	role       TEXT   NOT NULL, -- administrator, enroller, auditor
	granted_ms BIGINT NOT NULL,
	granted_by TEXT   NOT NULL  -- actor
);
CREATE INDEX operator_role_by_tenant ON operator_role (tenant, role);

-- When a session ends unless it is used before; zero: when it expires.
ALTER TABLE browser_session ADD COLUMN idle_ms BIGINT NOT NULL DEFAULT 0;

-- The console shows the latest refusals, which may be rare.
CREATE INDEX audit_event_refused ON audit_event (tenant, seq) WHERE outcome <> 'ok';

-- +goose Down
DROP INDEX audit_event_refused;
ALTER TABLE browser_session DROP COLUMN idle_ms;
DROP TABLE operator_role;
