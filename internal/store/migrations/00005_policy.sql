-- Authenticator policies, and what registrations were judged by.

-- +goose Up

-- Every version stays. The highest is the current one; a document that is empty says
-- that the policy was deleted.
CREATE TABLE policy_version (
	tenant   TEXT   NOT NULL,
	name     TEXT   NOT NULL,
	version  BIGINT NOT NULL,
	document TEXT   NOT NULL, -- JSON in canonical form
	made_ms  BIGINT NOT NULL,
	made_by  TEXT   NOT NULL,
	PRIMARY KEY (tenant, name, version)
);

-- What a judgement was made from beside the answer itself: settings, policies,
-- anchors, metadata. Many credentials share a row, which is found by its content and
-- never changes.
CREATE TABLE judgement_basis (
	tenant TEXT   NOT NULL,
	hash   BYTEA  NOT NULL, -- SHA-256 of kind and body
	kind   TEXT   NOT NULL,
	body   BYTEA  NOT NULL,
	PRIMARY KEY (tenant, hash)
);

-- JSON, and empty for what was judged before they were kept.
ALTER TABLE credential_evidence ADD COLUMN told TEXT NOT NULL DEFAULT '';
ALTER TABLE credential_evidence ADD COLUMN terms TEXT NOT NULL DEFAULT '';
ALTER TABLE credential_evidence ADD COLUMN decision TEXT NOT NULL DEFAULT '';
ALTER TABLE credential_evidence ADD COLUMN basis TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE credential_evidence DROP COLUMN basis;
ALTER TABLE credential_evidence DROP COLUMN decision;
ALTER TABLE credential_evidence DROP COLUMN terms;
ALTER TABLE credential_evidence DROP COLUMN told;
DROP TABLE judgement_basis;
DROP TABLE policy_version;
