package ctap

import (
	"fmt"
	"slices"

	"github.com/fxamacker/cbor/v2"
)

// Conveyance is how much of an attestation the relying party wants to see, spelled
// as in WebAuthn (§5.4.7).
type Conveyance string

// The conveyances. Any other counts as none, as WebAuthn says for unknown values.
const (
	NoAttestation Conveyance = "none"
	Indirect      Conveyance = "indirect"
	Direct        Conveyance = "direct"
	Enterprise    Conveyance = "enterprise"
)

func (c Conveyance) shows() bool { return c == Indirect || c == Direct || c == Enterprise }

// attestationObject is the object of WebAuthn §6.5.4: the answer's members under
// names in place of numbers.
type attestationObject struct {
	Format    string          `cbor:"fmt"`
	Statement cbor.RawMessage `cbor:"attStmt"`
	AuthData  []byte          `cbor:"authData"`
}

// emptyMap is the statement of the format "none".
var emptyMap = cbor.RawMessage{0xA0}

// conveyed is an attestation as the relying party sees it.
type conveyed struct {
	format   string
	authData []byte
	object   []byte
}

// AttestationObject returns the answer as the attestation object of WebAuthn
// (§6.5.4), in canonical CBOR and with everything the key attested.
func (r *MakeCredentialResponse) AttestationObject() ([]byte, error) {
	shown, err := r.show(r.Format, r.Statement, r.AuthData)
	if err != nil {
		return nil, err
	}
	return shown.object, nil
}

// convey returns what the relying party sees under c. Where it wants no attestation
// the statement goes, and the AAGUID with it unless keepAAGUID; self attestation that
// names no model stays, since it tells nothing (WebAuthn §5.1.3).
func (r *MakeCredentialResponse) convey(c Conveyance, keepAAGUID bool) (*conveyed, error) {
	if c.shows() || r.selfWithoutModel() {
		return r.show(r.Format, r.Statement, r.AuthData)
	}
	authData := slices.Clone(r.AuthData)
	if !keepAAGUID {
		clear(authData[aaguidOffset : aaguidOffset+16])
	}
	return r.show("none", emptyMap, authData)
}

func (r *MakeCredentialResponse) show(format string, statement, authData []byte) (*conveyed, error) {
	object, err := encoder.Marshal(attestationObject{Format: format, Statement: statement, AuthData: authData})
	if err != nil {
		return nil, fmt.Errorf("ctap: encode attestation object: %w", err)
	}
	return &conveyed{format: format, authData: authData, object: object}, nil
}

// selfWithoutModel reports whether the statement is self attestation of a key that
// does not say its model.
func (r *MakeCredentialResponse) selfWithoutModel() bool {
	if r.Format != "packed" || [16]byte(r.AuthData[aaguidOffset:]) != [16]byte{} {
		return false
	}
	f, err := parse(CommandMakeCredential, r.Statement)
	if err != nil {
		return false
	}
	_, certified := f.members["x5c"]
	return !certified
}
