package provision

import "bestow.dev/internal/fault"

// The refusals of this package. Codes are stable once released. Beside these a call may
// return tenant's authority.denied and whatever the store returns for a fault of its own.
var (
	ErrConnectionUnknown = fault.New(fault.NotFound, "connection.unknown", "There is no such connection.")
	ErrConnection        = fault.New(fault.Invalid, "connection.invalid", "The connection is not valid.")
	ErrServerUnknown     = fault.New(fault.NotFound, "messaging_server.unknown", "There is no such messaging server.")
	ErrServer            = fault.New(fault.Invalid, "messaging_server.invalid", "The messaging server is not valid.")
	ErrChanged           = fault.New(fault.Conflict, "connection.version", "Somebody else has just changed this. Look at it again.")
	ErrKeySetUnknown     = fault.New(fault.NotFound, "messaging_server.key_set_unknown", "The messaging server has no such set of attestation keys.")

	// Of secrets at rest.
	ErrSecretsKeyMissing = fault.New(fault.Unavailable, "secrets.key_missing",
		"The file with the key of stored secrets is missing. Put it back, or enter the secrets anew.")
	ErrSecretsKeyOther = fault.New(fault.Unavailable, "secrets.key_other",
		"A stored secret was sealed with another key. Put the key's file back, or enter the secret anew.")
	ErrSecretAltered = fault.New(fault.Unavailable, "secrets.altered", "A stored secret was altered. Enter it anew.")

	// Of what tasks reach.
	ErrUnreachable = fault.New(fault.Unavailable, "provision.unreachable", "The server cannot be reached, or cannot answer now.")
	ErrAnswer      = fault.New(fault.Unavailable, "provision.answer", "The server answered what is no answer to this.")
)
