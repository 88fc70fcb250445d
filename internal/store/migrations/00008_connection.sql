-- What the tasks of identity processes reach: connections and messaging servers.

-- +goose Up

CREATE TABLE connection (
	tenant      TEXT   NOT NULL,
	name        TEXT   NOT NULL,
	description TEXT   NOT NULL,
	kind        TEXT   NOT NULL,
	url         TEXT   NOT NULL,
	client_id   TEXT   NOT NULL,
	sealed      BYTEA,            -- its secret; NULL: none
	version     BIGINT NOT NULL,  -- counts changes, from 1
	changed_ms  BIGINT NOT NULL,
	changed_by  TEXT   NOT NULL,
	PRIMARY KEY (tenant, name)
);

CREATE TABLE messaging_server (
	tenant        TEXT   NOT NULL,
	name          TEXT   NOT NULL,
	description   TEXT   NOT NULL,
	url           TEXT   NOT NULL,
	client_id     TEXT   NOT NULL,
	sealed        BYTEA,           -- its authentication token; NULL: none
	lifespan      BIGINT NOT NULL, -- seconds
	timeout       BIGINT NOT NULL,
	session_start BIGINT NOT NULL,
	key_sets      TEXT   NOT NULL, -- JSON: sets of public keys (JWKS) by name
	version       BIGINT NOT NULL,
	changed_ms    BIGINT NOT NULL,
	changed_by    TEXT   NOT NULL,
	PRIMARY KEY (tenant, name)
);

-- +goose Down
DROP TABLE messaging_server;
DROP TABLE connection;
