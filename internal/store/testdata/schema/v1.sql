-- A database as a release of Bestow left it. Written by: go test -run TestUpgrade -update
-- schema version 3
-- rows of tenant

CREATE TABLE tenant (
	name       TEXT   NOT NULL PRIMARY KEY,
	created_ms BIGINT NOT NULL
);

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

CREATE INDEX relay_message_by_box ON relay_message (box_id, is_open);

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

INSERT INTO tenant (name, created_ms)
	VALUES ('acme', 1772452800000);

INSERT INTO relying_party (tenant, id, settings, created_ms, changed_ms)
	VALUES ('acme', 'login.example.com', '{"name":"Acme''s login","origins":["https://login.example.com"],"residentKey":"required","userVerification":"required","attestation":"direct","attestationTrust":"record","algorithms":[-7,-8,-35,-36,-257,-258,-259],"maxCredentialsPerUser":10,"challengeLifeMs":300000,"timeoutMs":240000}', 1772452800000, 1772452800000);

INSERT INTO client (id, tenant, name, scopes, relying_parties, disabled, created_ms)
	VALUES ('idm', 'acme', 'Identity manager', '["fido.provision"]', '["login.example.com"]', TRUE, 1772452800000);

INSERT INTO client_key (client, id, hash, created_ms, expires_ms)
	VALUES ('idm', 'k1', X'0102030000000000000000000000000000000000000000000000000000000000', 1772452800000, 1772456400000);

INSERT INTO access_token (hash, tenant, client, relying_party, scopes, created_ms, expires_ms)
	VALUES (X'0405060000000000000000000000000000000000000000000000000000000000', 'acme', 'idm', '', '["fido.provision"]', 1772452800000, 1772453400000);

INSERT INTO audit_head (tenant, seq, hash)
	VALUES ('acme', 4, X'a504413bb5fed7ccde842caf40eb79816632dc84c56a3a53fcdc4901732f7920');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 1, 1772452800000, 'tenant.created', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'0000000000000000000000000000000000000000000000000000000000000000', X'488b4e1a077f818b68357f434a4288bbccd994c12c0a79bcdbc9a06f1376d620');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 2, 1772452800000, 'rp.changed', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'488b4e1a077f818b68357f434a4288bbccd994c12c0a79bcdbc9a06f1376d620', X'2529dfb51b9ec12e19ee31ee07adc38527fb08a5cdce3387cb112f9cc81fbd4d');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 3, 1772452800000, 'client.created', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'2529dfb51b9ec12e19ee31ee07adc38527fb08a5cdce3387cb112f9cc81fbd4d', X'43735c1fd8da08387a57692cf16e7ddbf86c91f3eaf3695d6c9c5e64719ffcb9');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 4, 1772452800000, 'client.access_token_issued', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'43735c1fd8da08387a57692cf16e7ddbf86c91f3eaf3695d6c9c5e64719ffcb9', X'a504413bb5fed7ccde842caf40eb79816632dc84c56a3a53fcdc4901732f7920');
