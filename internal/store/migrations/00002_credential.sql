-- Users, their ceremonies and credentials, and what the enrolment pages need.
--
-- Whatever is about a person refers to users and goes with them.

-- +goose Up
CREATE TABLE users (
	id           TEXT   NOT NULL PRIMARY KEY,
	tenant       TEXT   NOT NULL,
	name         TEXT   NOT NULL,
	name_key     TEXT   NOT NULL, -- name as it is compared
	display_name TEXT   NOT NULL,
	search_key   TEXT   NOT NULL, -- both names as they are searched
	handle       BYTEA  NOT NULL,
	locked_ms    BIGINT NOT NULL, -- zero: not locked
	created_ms   BIGINT NOT NULL,
	updated_ms   BIGINT NOT NULL
);
CREATE UNIQUE INDEX users_by_name ON users (tenant, name_key);
CREATE UNIQUE INDEX users_by_handle ON users (tenant, handle);

CREATE TABLE ceremony (
	id            TEXT   NOT NULL PRIMARY KEY,
	tenant        TEXT   NOT NULL,
	relying_party TEXT   NOT NULL,
	kind          TEXT   NOT NULL,
	state         TEXT   NOT NULL, -- open, succeeded, failed
	user_id       TEXT   REFERENCES users (id) ON DELETE CASCADE, -- NULL: the answer says who
	challenge     BYTEA  NOT NULL, -- SHA-256
	options       TEXT   NOT NULL, -- JSON as sent
	terms         TEXT   NOT NULL, -- JSON
	request_id    TEXT,            -- NULL: none
	actor_kind    TEXT   NOT NULL,
	actor_id      TEXT   NOT NULL,
	session_id    TEXT   NOT NULL, -- empty: begun by no browser
	address       TEXT   NOT NULL,
	via           TEXT   NOT NULL,
	ref           TEXT   NOT NULL,
	created_ms    BIGINT NOT NULL,
	expires_ms    BIGINT NOT NULL,
	ended_ms      BIGINT NOT NULL,
	outcome       TEXT   NOT NULL,
	credential    TEXT   NOT NULL  -- empty until it succeeded
);
CREATE UNIQUE INDEX ceremony_by_challenge ON ceremony (tenant, relying_party, kind, challenge);
CREATE UNIQUE INDEX ceremony_by_request ON ceremony (tenant, relying_party, request_id) WHERE request_id IS NOT NULL;
CREATE INDEX ceremony_by_user ON ceremony (user_id, state, expires_ms);
CREATE INDEX ceremony_by_address ON ceremony (address, expires_ms) WHERE address <> '';
CREATE INDEX ceremony_open ON ceremony (tenant, expires_ms) WHERE state = 'open';
CREATE INDEX ceremony_by_expiry ON ceremony (expires_ms);

CREATE TABLE credential (
	tenant           TEXT    NOT NULL,
	id               TEXT    NOT NULL,
	relying_party    TEXT    NOT NULL,
	user_id          TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	credential_id    BYTEA   NOT NULL,
	public_key       BYTEA   NOT NULL,
	algorithm        BIGINT  NOT NULL,
	aaguid           BYTEA   NOT NULL,
	sign_count       BIGINT  NOT NULL,
	transports       TEXT    NOT NULL, -- JSON
	attachment       TEXT    NOT NULL,
	backup_eligible  BOOLEAN NOT NULL,
	backup_state     BOOLEAN NOT NULL,
	uv_initialized   BOOLEAN NOT NULL,
	discoverable     TEXT    NOT NULL, -- yes, no, or empty
	format           TEXT    NOT NULL,
	attestation_type TEXT    NOT NULL,
	trusted          BOOLEAN NOT NULL,
	warnings         TEXT    NOT NULL, -- JSON
	name             TEXT    NOT NULL,
	user_agent       TEXT    NOT NULL,
	state            TEXT    NOT NULL, -- active, suspended
	reason           TEXT    NOT NULL,
	version          BIGINT  NOT NULL,
	created_ms       BIGINT  NOT NULL,
	updated_ms       BIGINT  NOT NULL,
	last_used_ms     BIGINT  NOT NULL,
	provisioned_by   TEXT    NOT NULL,
	via              TEXT    NOT NULL,
	ref              TEXT    NOT NULL,
	PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX credential_by_credential_id ON credential (tenant, relying_party, credential_id);
CREATE INDEX credential_by_user ON credential (user_id, relying_party, id);

-- Apart from the credential, so that a sign-in rewrites a short row.
CREATE TABLE credential_evidence (
	tenant             TEXT    NOT NULL,
	credential         TEXT    NOT NULL,
	attestation_object BYTEA   NOT NULL,
	client_data        BYTEA   NOT NULL,
	options            TEXT    NOT NULL, -- JSON as sent
	judged_ms          BIGINT  NOT NULL,
	format             TEXT    NOT NULL,
	attestation_type   TEXT    NOT NULL,
	trusted            BOOLEAN NOT NULL,
	anchor             BYTEA   NOT NULL, -- SHA-256; empty: none was reached
	chain              BYTEA   NOT NULL, -- SHA-256 of each certificate, one after the other
	policy             TEXT    NOT NULL,
	warnings           TEXT    NOT NULL, -- JSON
	PRIMARY KEY (tenant, credential),
	FOREIGN KEY (tenant, credential) REFERENCES credential (tenant, id) ON DELETE CASCADE
);

CREATE TABLE invitation (
	id            TEXT    NOT NULL PRIMARY KEY,
	tenant        TEXT    NOT NULL,
	relying_party TEXT    NOT NULL,
	user_id       TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	secret        BYTEA   NOT NULL, -- SHA-256
	additional    BOOLEAN NOT NULL,
	state         TEXT    NOT NULL, -- open, spent, cancelled
	actor_kind    TEXT    NOT NULL,
	actor_id      TEXT    NOT NULL,
	via           TEXT    NOT NULL,
	ref           TEXT    NOT NULL,
	created_ms    BIGINT  NOT NULL,
	expires_ms    BIGINT  NOT NULL,
	ended_ms      BIGINT  NOT NULL
);
CREATE UNIQUE INDEX invitation_by_secret ON invitation (secret);
CREATE INDEX invitation_by_user ON invitation (user_id, relying_party);
CREATE INDEX invitation_by_expiry ON invitation (expires_ms);

CREATE TABLE browser_session (
	id            TEXT   NOT NULL PRIMARY KEY, -- SHA-256 of the cookie's value
	tenant        TEXT   NOT NULL,
	relying_party TEXT   NOT NULL,
	purpose       TEXT   NOT NULL, -- enrol, visit, signed_in
	user_id       TEXT   REFERENCES users (id) ON DELETE CASCADE, -- NULL: nobody yet
	invitation    TEXT   NOT NULL,
	address       TEXT   NOT NULL,
	created_ms    BIGINT NOT NULL,
	expires_ms    BIGINT NOT NULL,
	ended_ms      BIGINT NOT NULL,
	registered_ms BIGINT NOT NULL,
	credential    TEXT   NOT NULL
);
CREATE INDEX browser_session_by_user ON browser_session (user_id);
CREATE INDEX browser_session_by_credential ON browser_session (credential) WHERE credential <> '';
CREATE INDEX browser_session_by_expiry ON browser_session (expires_ms);

CREATE TABLE installation_secret (
	name  TEXT  NOT NULL PRIMARY KEY,
	value BYTEA NOT NULL
);

-- +goose Down
DROP TABLE installation_secret;
DROP TABLE browser_session;
DROP TABLE invitation;
DROP TABLE credential_evidence;
DROP TABLE credential;
DROP TABLE ceremony;
DROP TABLE users;
