package provision

import (
	"context"

	"bestow.dev/internal/audit"
)

// Store keeps connections and messaging servers with their sealed secrets. Methods that
// change something do it in one transaction with the event they are given, or not at all.
// What they return belongs to the caller. One by its name may be from memory: what another
// node has changed is seen a second later at the latest, and what was changed here at once.
type Store interface {
	// Connections returns those of a tenant, by name.
	Connections(ctx context.Context, tenant string) ([]*Connection, error)

	// Connection returns one with its sealed secret, nil if it has none. Errors:
	// connection.unknown.
	Connection(ctx context.Context, tenant, name string) (*Connection, []byte, error)

	// PutConnection stores c in place of what there is by that name: at the version before
	// c's, or nothing if c's is 1. Errors: connection.version if it is at another.
	PutConnection(ctx context.Context, c *Connection, sealed []byte, e audit.Event) error

	// DeleteConnection removes one. Errors: connection.unknown.
	DeleteConnection(ctx context.Context, tenant, name string, e audit.Event) error

	// MessagingServers and the others are the same for messaging servers. Errors:
	// messaging_server.unknown, connection.version.
	MessagingServers(ctx context.Context, tenant string) ([]*MessagingServer, error)
	MessagingServer(ctx context.Context, tenant, name string) (*MessagingServer, []byte, error)
	PutMessagingServer(ctx context.Context, m *MessagingServer, sealed []byte, e audit.Event) error
	DeleteMessagingServer(ctx context.Context, tenant, name string, e audit.Event) error

	// AnySealed reports whether a sealed secret is stored, of any tenant.
	AnySealed(ctx context.Context) (bool, error)
}

// Sealer seals secrets with the key of the installation.
type Sealer interface {
	// Seal seals a secret for the place that names what it belongs to. Errors:
	// secrets.key_missing.
	Seal(secret []byte, place string) ([]byte, error)

	// SealFirst is Seal where none is stored yet, so that a key may be made if there is
	// none.
	SealFirst(secret []byte, place string) ([]byte, error)

	// Open opens what was sealed for a place. Errors: secrets.key_missing,
	// secrets.key_other, secrets.altered.
	Open(sealed []byte, place string) ([]byte, error)
}

// The places that secrets are sealed for.
func connectionPlace(tenant, name string) string { return "connection\x00" + tenant + "\x00" + name }

func serverPlace(tenant, name string) string { return "messaging-server\x00" + tenant + "\x00" + name }
