-- One text for SQLite and PostgreSQL.
--
-- Types are BIGINT, TEXT, BOOLEAN and BYTEA only. SQLite takes BYTEA as a name
-- without meaning and keeps a blob a blob. Times are milliseconds since 1970 in
-- columns that end in _ms, zero for none. JSON is TEXT. No deferred constraints:
-- one that fails would fail the COMMIT of every caller that shares it.
--
-- A released file is never changed: a database has it behind it.

-- +goose Up
CREATE TABLE tenant (
	name       TEXT   NOT NULL PRIMARY KEY,
	created_ms BIGINT NOT NULL
);

-- A tenant may live in the configuration file alone, so nothing refers to the
-- table above.
CREATE TABLE relying_party (
	tenant     TEXT   NOT NULL,
	id         TEXT   NOT NULL,
	settings   TEXT   NOT NULL, -- JSON: all that only the domain reads
	created_ms BIGINT NOT NULL,
	changed_ms BIGINT NOT NULL,
	PRIMARY KEY (tenant, id)
);

CREATE TABLE client (
	id              TEXT    NOT NULL PRIMARY KEY,
	tenant          TEXT    NOT NULL,
	name            TEXT    NOT NULL,
	scopes          TEXT    NOT NULL, -- JSON
	relying_parties TEXT    NOT NULL, -- JSON; empty list: all
	disabled        BOOLEAN NOT NULL,
	created_ms      BIGINT  NOT NULL
);
CREATE INDEX client_by_tenant ON client (tenant, id);

CREATE TABLE client_key (
	client     TEXT   NOT NULL REFERENCES client (id) ON DELETE CASCADE,
	id         TEXT   NOT NULL,
	hash       BYTEA  NOT NULL, -- SHA-256 of the secret
	created_ms BIGINT NOT NULL,
	expires_ms BIGINT NOT NULL, -- zero: never
	PRIMARY KEY (client, id)
);

-- A client of the configuration file has access tokens too, so client refers to
-- nothing.
CREATE TABLE access_token (
	hash          BYTEA  NOT NULL PRIMARY KEY, -- SHA-256 of the token
	tenant        TEXT   NOT NULL,
	client        TEXT   NOT NULL,
	relying_party TEXT   NOT NULL, -- empty: all of the client's
	scopes        TEXT   NOT NULL, -- JSON
	created_ms    BIGINT NOT NULL,
	expires_ms    BIGINT NOT NULL
);
CREATE INDEX access_token_by_expiry ON access_token (expires_ms);
CREATE INDEX access_token_by_client ON access_token (client);

CREATE TABLE audit_head (
	tenant TEXT   NOT NULL PRIMARY KEY,
	seq    BIGINT NOT NULL,
	hash   BYTEA  NOT NULL
);

CREATE TABLE audit_event (
	tenant        TEXT   NOT NULL,
	seq           BIGINT NOT NULL,
	time_ms       BIGINT NOT NULL,
	action        TEXT   NOT NULL,
	actor_kind    TEXT   NOT NULL,
	actor_id      TEXT   NOT NULL,
	on_behalf_of  TEXT   NOT NULL,
	claimed       TEXT   NOT NULL,
	via           TEXT   NOT NULL,
	ref           TEXT   NOT NULL,
	relying_party TEXT   NOT NULL,
	user_id       TEXT   NOT NULL,
	credential    TEXT   NOT NULL,
	outcome       TEXT   NOT NULL,
	detail        TEXT   NOT NULL, -- JSON; empty: none
	prev_hash     BYTEA  NOT NULL,
	hash          BYTEA  NOT NULL,
	PRIMARY KEY (tenant, seq)
);
CREATE INDEX audit_event_by_user ON audit_event (tenant, user_id, seq);
CREATE INDEX audit_event_by_credential ON audit_event (tenant, credential, seq);

-- +goose Down
DROP TABLE audit_event;
DROP TABLE audit_head;
DROP TABLE access_token;
DROP TABLE client_key;
DROP TABLE client;
DROP TABLE relying_party;
DROP TABLE tenant;
