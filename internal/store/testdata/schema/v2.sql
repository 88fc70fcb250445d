-- A database as a release of Bestow left it. Written by: go test -run TestUpgrade -update
-- schema version 5
-- rows of tenant credential relay policy metadata

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
	warnings           TEXT    NOT NULL, told TEXT NOT NULL DEFAULT '', terms TEXT NOT NULL DEFAULT '', decision TEXT NOT NULL DEFAULT '', basis TEXT NOT NULL DEFAULT '', -- JSON
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

CREATE TABLE metadata_source (
	source         TEXT   NOT NULL PRIMARY KEY,
	version        BIGINT NOT NULL, -- rises with each list that is accepted; zero: none yet
	number         BIGINT NOT NULL, -- of the list: 64 bits, those above 2^63 as negative ones
	sha256         BYTEA,           -- of its text; NULL: none yet
	next_update_ms BIGINT NOT NULL, -- as the list says; zero: unsaid
	accepted_ms    BIGINT NOT NULL, -- when it was verified, and is to be judged again
	checked_ms     BIGINT NOT NULL, -- when it was last found to be the current one
	place          TEXT   NOT NULL, -- digest of where the validators come from
	etag           TEXT   NOT NULL,
	last_modified  TEXT   NOT NULL,
	next_ms        BIGINT NOT NULL, -- when a check is due, or while it is claimed, when the claim ends
	claim          BIGINT NOT NULL, -- how often it was claimed
	tries          BIGINT NOT NULL, -- how often the check has failed in a row
	failed_ms      BIGINT NOT NULL, -- these three: of the last failure
	failure_code   TEXT   NOT NULL,
	failure        TEXT   NOT NULL
);

CREATE TABLE metadata_blob (
	source  TEXT  NOT NULL PRIMARY KEY REFERENCES metadata_source (source) ON DELETE CASCADE,
	text    BYTEA NOT NULL,
	chain   TEXT  NOT NULL, -- JSON: certificates from x5u
	crls    TEXT  NOT NULL, -- JSON: the revocation lists it was verified with
	changes TEXT  NOT NULL  -- JSON: what it changed
);

CREATE TABLE policy_version (
	tenant   TEXT   NOT NULL,
	name     TEXT   NOT NULL,
	version  BIGINT NOT NULL,
	document TEXT   NOT NULL, -- JSON in canonical form
	made_ms  BIGINT NOT NULL,
	made_by  TEXT   NOT NULL,
	PRIMARY KEY (tenant, name, version)
);

CREATE TABLE judgement_basis (
	tenant TEXT   NOT NULL,
	hash   BYTEA  NOT NULL, -- SHA-256 of kind and body
	kind   TEXT   NOT NULL,
	body   BYTEA  NOT NULL,
	PRIMARY KEY (tenant, hash)
);

INSERT INTO tenant (name, created_ms)
	VALUES ('acme', 1772452800000);

INSERT INTO relying_party (tenant, id, settings, created_ms, changed_ms)
	VALUES ('acme', 'login.example.com', '{"name":"Acme''s login","origins":["https://login.example.com"],"residentKey":"required","userVerification":"required","attestation":"direct","attestationTrust":"record","trust":{"metadata":"enforce"},"algorithms":[-7,-8,-35,-36,-257,-258,-259],"maxCredentialsPerUser":10,"challengeLifeMs":300000,"timeoutMs":240000}', 1772452800000, 1772452800000);

INSERT INTO client (id, tenant, name, scopes, relying_parties, disabled, created_ms)
	VALUES ('idm', 'acme', 'Identity manager', '["fido.provision"]', '["login.example.com"]', TRUE, 1772452800000);

INSERT INTO client_key (client, id, hash, created_ms, expires_ms)
	VALUES ('idm', 'k1', X'0102030000000000000000000000000000000000000000000000000000000000', 1772452800000, 1772456400000);

INSERT INTO access_token (hash, tenant, client, relying_party, scopes, created_ms, expires_ms)
	VALUES (X'0405060000000000000000000000000000000000000000000000000000000000', 'acme', 'idm', '', '["fido.provision"]', 1772452800000, 1772453400000);

INSERT INTO audit_head (tenant, seq, hash)
	VALUES ('acme', 25, X'afe1b72c0c787cc783d6b7c8c23b3bc627689e9aded1e3d70eb6683de22f8e79');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 1, 1772452800000, 'tenant.created', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'0000000000000000000000000000000000000000000000000000000000000000', X'488b4e1a077f818b68357f434a4288bbccd994c12c0a79bcdbc9a06f1376d620');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 2, 1772452800000, 'rp.changed', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'488b4e1a077f818b68357f434a4288bbccd994c12c0a79bcdbc9a06f1376d620', X'2529dfb51b9ec12e19ee31ee07adc38527fb08a5cdce3387cb112f9cc81fbd4d');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 3, 1772452800000, 'client.created', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'2529dfb51b9ec12e19ee31ee07adc38527fb08a5cdce3387cb112f9cc81fbd4d', X'43735c1fd8da08387a57692cf16e7ddbf86c91f3eaf3695d6c9c5e64719ffcb9');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 4, 1772452800000, 'client.access_token_issued', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'43735c1fd8da08387a57692cf16e7ddbf86c91f3eaf3695d6c9c5e64719ffcb9', X'a504413bb5fed7ccde842caf40eb79816632dc84c56a3a53fcdc4901732f7920');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 5, 1772452800000, 'user.created', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'a504413bb5fed7ccde842caf40eb79816632dc84c56a3a53fcdc4901732f7920', X'df1801e20014de7699fe2bcb30c2be8e302a0c5f6257fade0ed6469007f82889');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 6, 1772452800000, 'user.created', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'df1801e20014de7699fe2bcb30c2be8e302a0c5f6257fade0ed6469007f82889', X'2b5b72d2c584a8dff1c0ce41b7dc02ffa2d6f3d949fe0a90d58e45ffb671d62b');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 7, 1772452800000, 'invitation.created', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'2b5b72d2c584a8dff1c0ce41b7dc02ffa2d6f3d949fe0a90d58e45ffb671d62b', X'0cf1a13c5328594d5399e34f2f23c1d635ce28e7f1545d218cd4855fab20c026');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 8, 1772452800000, 'invitation.spent', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'0cf1a13c5328594d5399e34f2f23c1d635ce28e7f1545d218cd4855fab20c026', X'33aa801c18951f59b4c7db944fb7469c9d64873984cd27595d80ce3de593b5a3');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 9, 1772452800000, 'registration.begun', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'33aa801c18951f59b4c7db944fb7469c9d64873984cd27595d80ce3de593b5a3', X'90fb8720a83c7967b04810e77e56940830c403c4feaae63df5a2429ea7cdb8b0');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 10, 1772452800000, 'credential.registered', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'90fb8720a83c7967b04810e77e56940830c403c4feaae63df5a2429ea7cdb8b0', X'e488b5b5ebaa947e76a7c5cdd7bc4dbf9af05e915b589d82bf9b3ca434121dcb');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 11, 1772452800000, 'invitation.additional', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'e488b5b5ebaa947e76a7c5cdd7bc4dbf9af05e915b589d82bf9b3ca434121dcb', X'f88531133746d1b305dfe3a953b1c080846b74fd776c6bd603475b964f12b42d');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 12, 1772452800000, 'session.opened', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'f88531133746d1b305dfe3a953b1c080846b74fd776c6bd603475b964f12b42d', X'eb57b87fd767aef4472f0e47dff38c6e50c7783654c3e23d0a4248b3f98decc2');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 13, 1772452800000, 'authentication.begun', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'eb57b87fd767aef4472f0e47dff38c6e50c7783654c3e23d0a4248b3f98decc2', X'245a42a95013d5058484c1dfcd9279cdc117583e7308dbe65e299347e2bebe9a');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 14, 1772452800000, 'authentication.begun', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'245a42a95013d5058484c1dfcd9279cdc117583e7308dbe65e299347e2bebe9a', X'd854e23f6410f95e11160a89440209892ed299b701682087b665821054a4bc6b');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 15, 1772452800000, 'authentication.refused', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'd854e23f6410f95e11160a89440209892ed299b701682087b665821054a4bc6b', X'b6755ec6c1de2d0dc5d3fff3f399fab9cbca3d627733dbdd77a494a3f3450576');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 16, 1772452800000, 'relay.command_accepted', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'b6755ec6c1de2d0dc5d3fff3f399fab9cbca3d627733dbdd77a494a3f3450576', X'f8eead4e2c31054790e0a4a5615a484bdb5b35ca6a3666b370f6e667e16a84fe');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 17, 1772452800000, 'relay.session_opened', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'f8eead4e2c31054790e0a4a5615a484bdb5b35ca6a3666b370f6e667e16a84fe', X'dace039c93f727bd4b280f509d6b96b65f0d6790140809fa6713b50084181810');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 18, 1772452800000, 'relay.command_ended', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'dace039c93f727bd4b280f509d6b96b65f0d6790140809fa6713b50084181810', X'd2f4e4caaf904510ed31abef579e6b1fa37189ff3669b7080a1cb266ac6332dc');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 19, 1772452800000, 'relay.command_accepted', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'd2f4e4caaf904510ed31abef579e6b1fa37189ff3669b7080a1cb266ac6332dc', X'b587e0e39b3ea474bc4378b5ed6a5554151d32b99a95829bd67a4a348ad7fe24');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 20, 1772452800000, 'policy.changed', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'b587e0e39b3ea474bc4378b5ed6a5554151d32b99a95829bd67a4a348ad7fe24', X'36cc59c103411cd13d626d6d7d7137daad1fbf140da001c052627b548b3e89b1');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 21, 1772452800000, 'policy.changed', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'36cc59c103411cd13d626d6d7d7137daad1fbf140da001c052627b548b3e89b1', X'6bbae99ff8f9bb4fb9533909590ecc4fed1cd54bce02a80040afb1543bbc5e15');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 22, 1772452800000, 'policy.deleted', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'6bbae99ff8f9bb4fb9533909590ecc4fed1cd54bce02a80040afb1543bbc5e15', X'b7ae80ace7925f3a3315e286751325ddea01473df607c16e0dceccbab7ff8f8b');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 23, 1772452800000, 'user.created', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'b7ae80ace7925f3a3315e286751325ddea01473df607c16e0dceccbab7ff8f8b', X'e0843f1c589f2e3d83fd1098742c0743d38f04b91cbddea35938fb1ffcdc0cf6');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 24, 1772452800000, 'registration.begun', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'e0843f1c589f2e3d83fd1098742c0743d38f04b91cbddea35938fb1ffcdc0cf6', X'adb198eb7913bf7d7489a29ee344acb53c1cdbfef06b20e87887ad8d5d1696c9');

INSERT INTO audit_event (tenant, seq, time_ms, action, actor_kind, actor_id, on_behalf_of, claimed, via, ref, relying_party, user_id, credential, outcome, detail, prev_hash, hash)
	VALUES ('acme', 25, 1772452800000, 'credential.registered', 'operator', 'local:root', '', '', 'cli', '', '', '', '', 'ok', '', X'adb198eb7913bf7d7489a29ee344acb53c1cdbfef06b20e87887ad8d5d1696c9', X'afe1b72c0c787cc783d6b7c8c23b3bc627689e9aded1e3d70eb6683de22f8e79');

INSERT INTO users (id, tenant, name, name_key, display_name, search_key, handle, locked_ms, created_ms, updated_ms)
	VALUES ('u1', 'acme', 'Alice@example.com', 'alice@example.com', 'Alice Ünal', 'alice@example.com
alice ünal', X'000102ff', 0, 1772452800000, 1772452800000);

INSERT INTO users (id, tenant, name, name_key, display_name, search_key, handle, locked_ms, created_ms, updated_ms)
	VALUES ('u2', 'acme', 'bob', 'bob', 'bob', 'bob
bob', X'626f62', 1772452800000, 1772452800000, 1772452800000);

INSERT INTO users (id, tenant, name, name_key, display_name, search_key, handle, locked_ms, created_ms, updated_ms)
	VALUES ('u3', 'acme', 'carol', 'carol', 'carol', 'carol
carol', X'6361726f6c', 0, 1772452800000, 1772452800000);

INSERT INTO ceremony (id, tenant, relying_party, kind, state, user_id, challenge, options, terms, request_id, actor_kind, actor_id, session_id, address, via, ref, created_ms, expires_ms, ended_ms, outcome, credential)
	VALUES ('c1', 'acme', 'login.example.com', 'registration', 'succeeded', 'u1', X'4c517a2cadbc32408c0a804739fe704700d93b1228ef9f9b5549e8e708415e2b', '{"challenge":"AAAA"}', '{"aaguids":["x"],"trusted":true}', 'order 1', 'user', 'u1', 's1', '192.0.2.1', 'api', 'req-1', 1772452800000, 1772453100000, 1772452860000, '', 'k1');

INSERT INTO ceremony (id, tenant, relying_party, kind, state, user_id, challenge, options, terms, request_id, actor_kind, actor_id, session_id, address, via, ref, created_ms, expires_ms, ended_ms, outcome, credential)
	VALUES ('c2', 'acme', 'login.example.com', 'authentication', 'open', NULL, X'017873d5e182a2f81c5c11fcb138bb9ddb6e8c233629b833a974509cd0a46fb1', '{"challenge":"AAAA"}', '{"aaguids":["x"],"trusted":true}', NULL, 'client', 'idm', '', '', 'api', 'req-1', 1772452800000, 1772453100000, 0, '', '');

INSERT INTO ceremony (id, tenant, relying_party, kind, state, user_id, challenge, options, terms, request_id, actor_kind, actor_id, session_id, address, via, ref, created_ms, expires_ms, ended_ms, outcome, credential)
	VALUES ('c3', 'acme', 'login.example.com', 'authentication', 'failed', NULL, X'c5d7ed47639af16563ec8ff034b9beb623a4560f8f70bd5c2a4834424a0bd014', '{"challenge":"AAAA"}', '{"aaguids":["x"],"trusted":true}', NULL, 'client', 'idm', '', '', 'api', 'req-1', 1772452800000, 1772453100000, 1772452860000, 'webauthn.origin', '');

INSERT INTO ceremony (id, tenant, relying_party, kind, state, user_id, challenge, options, terms, request_id, actor_kind, actor_id, session_id, address, via, ref, created_ms, expires_ms, ended_ms, outcome, credential)
	VALUES ('c4', 'acme', 'login.example.com', 'registration', 'succeeded', 'u3', X'f2628a17d3176fdeeb1f57c6a1689e9850a0e7ecff8d7032d044742934859148', '{"challenge":"AAAA"}', '{"aaguids":["x"],"trusted":true}', NULL, 'client', 'idm', '', '', 'api', 'req-1', 1772452800000, 1772453100000, 1772452860000, '', 'k2');

INSERT INTO credential (tenant, id, relying_party, user_id, credential_id, public_key, algorithm, aaguid, sign_count, transports, attachment, backup_eligible, backup_state, uv_initialized, discoverable, format, attestation_type, trusted, warnings, name, user_agent, state, reason, version, created_ms, updated_ms, last_used_ms, provisioned_by, via, ref)
	VALUES ('acme', 'k1', 'login.example.com', 'u1', X'00fe01', X'a50102', -7, X'09080700000000000000000000000000', 4294967294, '["usb","nfc"]', 'cross-platform', TRUE, FALSE, TRUE, 'yes', 'packed', 'self', FALSE, '["w"]', 'Schlüssel', 'agent', 'active', '', 1, 1772452800000, 1772452800000, 0, 'user:u1', 'enrol', 'req-2');

INSERT INTO credential (tenant, id, relying_party, user_id, credential_id, public_key, algorithm, aaguid, sign_count, transports, attachment, backup_eligible, backup_state, uv_initialized, discoverable, format, attestation_type, trusted, warnings, name, user_agent, state, reason, version, created_ms, updated_ms, last_used_ms, provisioned_by, via, ref)
	VALUES ('acme', 'k2', 'login.example.com', 'u3', X'6a7564676564', X'a50102', -7, X'09080700000000000000000000000000', 4294967294, '["usb","nfc"]', 'cross-platform', TRUE, FALSE, TRUE, 'yes', 'packed', 'self', FALSE, '["w"]', 'Schlüssel', 'agent', 'active', '', 1, 1772452800000, 1772452800000, 0, 'user:u1', 'enrol', 'req-2');

INSERT INTO credential_evidence (tenant, credential, attestation_object, client_data, options, judged_ms, format, attestation_type, trusted, anchor, chain, policy, warnings, told, terms, decision, basis)
	VALUES ('acme', 'k1', X'a300', X'7b2274797065223a22776562617574686e2e637265617465227d', '{"o":1}', 1772452800000, 'packed', 'self', TRUE, X'0707070707070707070707070707070707070707070707070707070707070707', X'01000000000000000000000000000000000000000000000000000000000000000200000000000000000000000000000000000000000000000000000000000000', 'policy-1', '["w"]', '{}', '{}', '{"allowed":false,"ceremony":"","time":"0001-01-01T00:00:00Z","policies":null}', 'null');

INSERT INTO credential_evidence (tenant, credential, attestation_object, client_data, options, judged_ms, format, attestation_type, trusted, anchor, chain, policy, warnings, told, terms, decision, basis)
	VALUES ('acme', 'k2', X'a300', X'7b2274797065223a22776562617574686e2e637265617465227d', '{"o":1}', 1772452800000, 'packed', 'self', TRUE, X'0707070707070707070707070707070707070707070707070707070707070707', X'01000000000000000000000000000000000000000000000000000000000000000200000000000000000000000000000000000000000000000000000000000000', 'policy-1', '["w"]', '{"transports":["usb"],"attachment":"cross-platform","discoverable":true}', '{"aaguids":["x"],"trusted":true}', '{"allowed":true,"ceremony":"registration","time":"2026-03-02T12:00:00Z","policies":[{"policy":"bank","version":"v","mode":"enforce","outcome":"passed"}]}', '[{"kind":"settings","hash":"0a0b"},{"kind":"anchor","hash":"0c"}]');

INSERT INTO invitation (id, tenant, relying_party, user_id, secret, additional, state, actor_kind, actor_id, via, ref, created_ms, expires_ms, ended_ms)
	VALUES ('i1', 'acme', 'login.example.com', 'u1', X'2642638645be377f6c968bfbedcc626f4c15cbaa4bd0817db97417f5e2458fa0', TRUE, 'spent', 'operator', 'local:root', 'cli', 'req-3', 1772452800000, 1772539200000, 1772452800000);

INSERT INTO invitation (id, tenant, relying_party, user_id, secret, additional, state, actor_kind, actor_id, via, ref, created_ms, expires_ms, ended_ms)
	VALUES ('i2', 'acme', 'login.example.com', 'u1', X'37b80ee1bb7cc14be5f61fee3131d6af896c7cb3d34fedb853ab10d1e5c0778a', TRUE, 'open', 'operator', 'local:root', 'cli', 'req-3', 1772452800000, 1772539200000, 0);

INSERT INTO browser_session (id, tenant, relying_party, purpose, user_id, invitation, address, created_ms, expires_ms, ended_ms, registered_ms, credential)
	VALUES ('s1', 'acme', 'login.example.com', 'enrol', 'u1', 'i1', '192.0.2.1', 1772452800000, 1772453700000, 0, 1772452860000, 'k1');

INSERT INTO browser_session (id, tenant, relying_party, purpose, user_id, invitation, address, created_ms, expires_ms, ended_ms, registered_ms, credential)
	VALUES ('s2', 'acme', 'login.example.com', 'visit', NULL, '', '192.0.2.1', 1772452800000, 1772453700000, 0, 0, '');

INSERT INTO installation_secret (name, value)
	VALUES ('decoys', X'6465636f7973206f66207468656e');

INSERT INTO relay_box (id, tenant, client, client_group, kind, user_id, command_id, token_hash, session_hash, desk, answer_key, match_code, created_ms, start_by_ms, expires_ms, redeemed_ms, started_ms, confirmed_ms, closed_ms)
	VALUES ('b1', 'acme', 'idm', 'smartid', 'session', '', 1041, X'68617368206f662074686520746f6b656e2c206f662033322062797465732e2e', X'3f3af1ecebbd1410ab417ec0d27bbfcb5d340e177ae159b59fc8626c2dfd9175', '{"app":"bestow-agent","version":"1","os":"linux","address":"192.0.2.1"}', 'thumbprint', TRUE, 1772452800000, 1772452810000, 1772453400000, 1772452801000, 1772452802000, 0, 0);

INSERT INTO relay_command (id, tenant, client, type, state, status, session_id, callback, issued_ms, timeout_ms, lifespan_ms, deadline_ms, at_deadline, ended_ms, external_id, external_key, request, nonce, format, destinations, answered_by, signed, remarks, object, answer)
	VALUES (1041, 'acme', 'idm', 'SESSION_START', 'COMPLETED', 'OK', 0, TRUE, 1772452800000, 1772452920000, 1772453400000, 1772452810000, 'SESSION_NOT_STARTED', 1772452802000, 'proc/1', 'proc/1', X'1f58b9145b24d108d7ac38887338b3ea3229833b9c1e418250343f907bfd1047', 'n', 'jws', '[{"to":"@tmp","bid":"b1","mid":"m1"}]', 'm1', TRUE, '{"signature":{"state":"VALID","kid":"k"},"matchCode":"0042","client":{"app":"bestow-agent","version":"1","os":"linux","address":"192.0.2.1"}}', '{"nonce":"n"}', X'612e622e63');

INSERT INTO relay_command (id, tenant, client, type, state, status, session_id, callback, issued_ms, timeout_ms, lifespan_ms, deadline_ms, at_deadline, ended_ms, external_id, external_key, request, nonce, format, destinations, answered_by, signed, remarks, object, answer)
	VALUES (1043, 'acme', 'idm', 'FIDO_CREATE_CREDENTIAL', 'IN_PROGRESS', '', 1041, TRUE, 1772452800000, 1772452920000, 1772453400000, 1772452920000, 'USER_CANCELLED', 0, 'proc/2', 'proc/2', X'1f58b9145b24d108d7ac38887338b3ea3229833b9c1e418250343f907bfd1047', 'n', 'jws', '[{"to":"b1","bid":"b1","mid":"m2"}]', '', FALSE, '{}', '{"nonce":"n"}', NULL);

INSERT INTO relay_message (id, command_id, box_id, is_open, fetched_ms)
	VALUES ('m1', 1041, 'b1', FALSE, 1772452801000);

INSERT INTO relay_message (id, command_id, box_id, is_open, fetched_ms)
	VALUES ('m2', 1043, 'b1', TRUE, 0);

INSERT INTO relay_callback (command_id, tenant, client, after_id, next_ms, claim, tries)
	VALUES (1041, 'acme', 'idm', 0, 1772452802000, 0, 0);

INSERT INTO relay_wrong_token (network, since_ms, count)
	VALUES ('192.0.2.9', 1772452800000, 1);

INSERT INTO metadata_source (source, version, number, sha256, next_update_ms, accepted_ms, checked_ms, place, etag, last_modified, next_ms, claim, tries, failed_ms, failure_code, failure)
	VALUES ('fido', 1, 7, X'845e30448809e2bc8958eb025bfc795235d13b077a53d0c3abbd2385170dc9b8', 1772409600000, 1772452800000, 1772452800000, 'place', '"x"', '', 1772539200000, 1, 0, 0, '', '');

INSERT INTO metadata_blob (source, text, chain, crls, changes)
	VALUES ('fido', X'612e622e63', '["AQ=="]', '["Ag=="]', '{"added":1,"removed":0,"changed":0}');

INSERT INTO policy_version (tenant, name, version, document, made_ms, made_by)
	VALUES ('acme', 'bank', 1, '{"name":"bank","mode":"enforce","at":["registration","sign-in"],"rules":{"userVerification":"required"}}', 1772452800000, 'operator:root');

INSERT INTO policy_version (tenant, name, version, document, made_ms, made_by)
	VALUES ('acme', 'gone', 1, '{"name":"bank","mode":"enforce","at":["registration","sign-in"],"rules":{"userVerification":"required"}}', 1772452800000, 'operator:root');

INSERT INTO policy_version (tenant, name, version, document, made_ms, made_by)
	VALUES ('acme', 'gone', 2, '', 1772456400000, 'operator:root');

INSERT INTO judgement_basis (tenant, hash, kind, body)
	VALUES ('acme', X'0a0b', 'settings', X'7b224944223a226c6f67696e2e6578616d706c652e636f6d227d');

INSERT INTO judgement_basis (tenant, hash, kind, body)
	VALUES ('acme', X'0c', 'anchor', X'3000ff');
