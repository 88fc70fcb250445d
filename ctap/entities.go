package ctap

// publicKey is the only credential type there is.
const publicKey = "public-key"

// RP is the relying party a credential is for.
type RP struct {
	ID   string `cbor:"id"`
	Name string `cbor:"name,omitempty"`
}

// User is the account a credential is for.
type User struct {
	// ID is the user handle, 1 to 64 bytes.
	ID          []byte `cbor:"id"`
	Name        string `cbor:"name,omitempty"`
	DisplayName string `cbor:"displayName,omitempty"`
}

// CredentialDescriptor names a credential in a list.
type CredentialDescriptor struct {
	ID []byte
	// Transports are the client's hints. They are not sent to keys: none uses them,
	// and they take room in the message.
	Transports []Transport
}

// descriptor is a CredentialDescriptor on the wire.
type descriptor struct {
	ID   []byte `cbor:"id"`
	Type string `cbor:"type"`
}

func descriptors(list []CredentialDescriptor) []descriptor {
	wire := make([]descriptor, len(list))
	for i, d := range list {
		wire[i] = descriptor{ID: d.ID, Type: publicKey}
	}
	return wire
}

// parameter is an algorithm on offer, on the wire.
type parameter struct {
	Alg  int64  `cbor:"alg"`
	Type string `cbor:"type"`
}

func parameters(algorithms []int64) []parameter {
	wire := make([]parameter, len(algorithms))
	for i, alg := range algorithms {
		wire[i] = parameter{Alg: alg, Type: publicKey}
	}
	return wire
}

// readUser reads a user entity, of which a key returns the id alone unless it
// verified somebody.
func readUser(f *fields, key int64) *User {
	if _, ok := f.members[key]; !ok {
		return nil
	}
	in := f.inner(key)
	user := &User{
		ID:          member[[]byte](in, "id"),
		Name:        member[string](in, "name"),
		DisplayName: member[string](in, "displayName"),
	}
	if in.err == nil && (len(user.ID) == 0 || len(user.ID) > 64) {
		in.fail("user handle of %d bytes", len(user.ID))
	}
	f.take(in)
	return user
}

// readDescriptor reads the id of the credential that a key used.
func readDescriptor(f *fields, key int64) []byte {
	if _, ok := f.members[key]; !ok {
		return nil
	}
	in := f.inner(key)
	id := member[[]byte](in, "id")
	if kind := member[string](in, "type"); in.err == nil && kind != publicKey {
		in.fail("credential of type %q", kind)
	}
	if in.err == nil && (len(id) == 0 || len(id) > maxCredentialIDBytes) {
		in.fail("credential id of %d bytes", len(id))
	}
	f.take(in)
	return id
}
