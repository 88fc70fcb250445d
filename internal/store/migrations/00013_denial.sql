-- How often somebody was denied something lately: beyond a bound the audit trail is told
-- how many there were, in place of each.

-- +goose Up
CREATE TABLE denial (
	tenant        TEXT   NOT NULL,
	actor_kind    TEXT   NOT NULL,
	actor_id      TEXT   NOT NULL,
	subject       TEXT   NOT NULL, -- the user at work; empty: none
	action        TEXT   NOT NULL,
	outcome       TEXT   NOT NULL,
	relying_party TEXT   NOT NULL, -- empty: one that the tenant does not have
	began_ms      BIGINT NOT NULL, -- when the first of the window was
	seen          BIGINT NOT NULL, -- how many there were in it
	PRIMARY KEY (tenant, actor_kind, actor_id, subject, action, outcome, relying_party)
);

-- +goose Down
DROP TABLE denial;
