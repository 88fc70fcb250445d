-- The message relay: commands, the boxes they wait in, and callbacks to deliver.

-- +goose Up
CREATE TABLE relay_box (
	id           TEXT    NOT NULL PRIMARY KEY,
	tenant       TEXT    NOT NULL,
	client       TEXT    NOT NULL,
	client_group TEXT    NOT NULL,
	kind         TEXT    NOT NULL, -- session, tmp, profile
	user_id      TEXT    NOT NULL, -- empty: not a profile box
	command_id   BIGINT  NOT NULL, -- the command that made it
	token_hash   BYTEA,            -- SHA-256; NULL: the token is dead
	session_hash BYTEA,            -- SHA-256; NULL: not opened
	desk         TEXT    NOT NULL, -- JSON: who opened it
	answer_key   TEXT    NOT NULL, -- thumbprint; empty: none yet
	match_code   BOOLEAN NOT NULL,
	created_ms   BIGINT  NOT NULL,
	start_by_ms  BIGINT  NOT NULL,
	expires_ms   BIGINT  NOT NULL,
	redeemed_ms  BIGINT  NOT NULL, -- these four: zero until it happens
	started_ms   BIGINT  NOT NULL,
	confirmed_ms BIGINT  NOT NULL,
	closed_ms    BIGINT  NOT NULL
);
CREATE INDEX relay_box_by_command ON relay_box (command_id);
CREATE INDEX relay_box_by_user ON relay_box (tenant, client_group, user_id) WHERE user_id <> '';
CREATE INDEX relay_box_by_expiry ON relay_box (expires_ms);

CREATE TABLE relay_command (
	id           BIGINT  NOT NULL PRIMARY KEY,
	tenant       TEXT    NOT NULL,
	client       TEXT    NOT NULL,
	type         TEXT    NOT NULL,
	state        TEXT    NOT NULL,
	status       TEXT    NOT NULL, -- empty while in progress
	session_id   BIGINT  NOT NULL, -- the command that made the box it waits in; zero: none
	callback     BOOLEAN NOT NULL, -- its client wants to be told
	issued_ms    BIGINT  NOT NULL,
	timeout_ms   BIGINT  NOT NULL,
	lifespan_ms  BIGINT  NOT NULL,
	deadline_ms  BIGINT  NOT NULL, -- when it ends by itself
	at_deadline  TEXT    NOT NULL, -- and with which status
	ended_ms     BIGINT  NOT NULL,
	external_id  TEXT    NOT NULL,
	external_key TEXT,             -- external_id while it is taken; NULL: not
	request      BYTEA   NOT NULL, -- SHA-256 of what was sent
	nonce        TEXT    NOT NULL,
	format       TEXT    NOT NULL,
	destinations TEXT    NOT NULL, -- JSON
	answered_by  TEXT    NOT NULL, -- message; empty: none
	signed       BOOLEAN NOT NULL, -- answer is a compact JWS
	remarks      TEXT    NOT NULL, -- JSON
	object       TEXT    NOT NULL, -- JSON as sent
	answer       BYTEA             -- as received; NULL: none
);
CREATE UNIQUE INDEX relay_command_by_external_id ON relay_command (tenant, client, external_key) WHERE external_key IS NOT NULL;
CREATE INDEX relay_command_open ON relay_command (deadline_ms) WHERE state = 'IN_PROGRESS';
CREATE INDEX relay_command_by_lifespan ON relay_command (lifespan_ms);

CREATE TABLE relay_message (
	id         TEXT    NOT NULL PRIMARY KEY,
	command_id BIGINT  NOT NULL REFERENCES relay_command (id) ON DELETE CASCADE,
	box_id     TEXT    NOT NULL,
	is_open    BOOLEAN NOT NULL,
	fetched_ms BIGINT  NOT NULL -- zero: not yet
);
CREATE INDEX relay_message_waiting ON relay_message (box_id) WHERE is_open;
CREATE INDEX relay_message_by_command ON relay_message (command_id);

CREATE TABLE relay_callback (
	command_id BIGINT NOT NULL PRIMARY KEY REFERENCES relay_command (id) ON DELETE CASCADE,
	tenant     TEXT   NOT NULL,
	client     TEXT   NOT NULL,
	after_id   BIGINT NOT NULL, -- not before the callback of this command; zero: none
	next_ms    BIGINT NOT NULL, -- when it is due, or while it is claimed, when the claim is void
	claim      BIGINT NOT NULL, -- how often it was claimed
	tries      BIGINT NOT NULL  -- how many tries failed
);
CREATE INDEX relay_callback_due ON relay_callback (next_ms);

CREATE TABLE relay_wrong_token (
	network  TEXT   NOT NULL PRIMARY KEY,
	since_ms BIGINT NOT NULL,
	count    BIGINT NOT NULL
);

-- +goose Down
DROP TABLE relay_wrong_token;
DROP TABLE relay_callback;
DROP TABLE relay_message;
DROP TABLE relay_command;
DROP TABLE relay_box;
