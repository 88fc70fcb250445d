-- How a credential stands more closely than active or suspended, what was asked for when
-- it was made, and how often it was used.

-- +goose Up
ALTER TABLE credential ADD COLUMN standing TEXT NOT NULL DEFAULT '';
ALTER TABLE credential ADD COLUMN until_ms BIGINT NOT NULL DEFAULT 0;       -- when a suspension ends; zero: when somebody ends it
ALTER TABLE credential ADD COLUMN external_id TEXT NOT NULL DEFAULT '';     -- given by the system it came from; empty: none
ALTER TABLE credential ADD COLUMN asked TEXT NOT NULL DEFAULT '{}';         -- JSON: what its options asked for
ALTER TABLE credential ADD COLUMN uses BIGINT NOT NULL DEFAULT 0;
ALTER TABLE credential ADD COLUMN failures BIGINT NOT NULL DEFAULT 0;
ALTER TABLE credential ADD COLUMN last_failed_ms BIGINT NOT NULL DEFAULT 0; -- zero: never
CREATE UNIQUE INDEX credential_by_external_id ON credential (tenant, external_id) WHERE external_id <> '';

-- +goose Down
DROP INDEX credential_by_external_id;
ALTER TABLE credential DROP COLUMN last_failed_ms;
ALTER TABLE credential DROP COLUMN failures;
ALTER TABLE credential DROP COLUMN uses;
ALTER TABLE credential DROP COLUMN asked;
ALTER TABLE credential DROP COLUMN external_id;
ALTER TABLE credential DROP COLUMN until_ms;
ALTER TABLE credential DROP COLUMN standing;
