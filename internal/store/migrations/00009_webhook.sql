-- Webhooks: where an installation's own systems are told of what happens, and what they
-- are to be told.

-- +goose Up
CREATE TABLE webhook_endpoint (
	tenant        TEXT    NOT NULL,
	name          TEXT    NOT NULL,
	id            TEXT    NOT NULL UNIQUE, -- another one for an endpoint that is made anew
	description   TEXT    NOT NULL,
	url           TEXT    NOT NULL,
	events        TEXT    NOT NULL,        -- JSON: patterns of types
	disabled      BOOLEAN NOT NULL,
	version       BIGINT  NOT NULL,        -- counts changes, from 1
	created_ms    BIGINT  NOT NULL,
	changed_ms    BIGINT  NOT NULL,
	changed_by    TEXT    NOT NULL,
	sealed        BYTEA   NOT NULL,        -- its secret
	sealed_before BYTEA,                   -- the secret it had; NULL: none
	until_ms      BIGINT  NOT NULL,        -- that one counts until then
	claim         BIGINT  NOT NULL,        -- counts the turns of nodes that serve it
	lease_ms      BIGINT  NOT NULL,        -- nobody else serves it before
	PRIMARY KEY (tenant, name)
);

CREATE TABLE webhook_delivery (
	endpoint   TEXT   NOT NULL, -- id
	id         TEXT   NOT NULL, -- of the event; sorts by time
	type       TEXT   NOT NULL,
	state      TEXT   NOT NULL, -- pending, delivered, failed
	due_ms     BIGINT NOT NULL, -- zero unless pending
	attempts   BIGINT NOT NULL, -- tries that ended
	status     BIGINT NOT NULL, -- of the last answer; zero: none
	problem    TEXT   NOT NULL,
	created_ms BIGINT NOT NULL,
	ended_ms   BIGINT NOT NULL,
	body       TEXT   NOT NULL,
	PRIMARY KEY (endpoint, id)
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (endpoint, due_ms, id) WHERE state = 'pending';
CREATE INDEX webhook_delivery_created ON webhook_delivery (created_ms);

-- +goose Down
DROP TABLE webhook_delivery;
DROP TABLE webhook_endpoint;
