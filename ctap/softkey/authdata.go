package softkey

// Flags of authenticator data (WebAuthn §6.1).
const (
	FlagUserPresent    byte = 0x01
	FlagUserVerified   byte = 0x04
	FlagBackupEligible byte = 0x08
	FlagBackupState    byte = 0x10
	FlagAttestedData   byte = 0x40
	FlagExtensionData  byte = 0x80
)

// AuthData is authenticator data before it is written (WebAuthn §6.1). What is
// written follows the members; Flags are written as they are. A forgery may make the
// two disagree.
type AuthData struct {
	RPIDHash  [32]byte
	Flags     byte
	SignCount uint32
	// AAGUID, CredentialID and PublicKey are the attested credential data, which is
	// written if CredentialID is not nil.
	AAGUID       [16]byte
	CredentialID []byte
	PublicKey    []byte // COSE key, encoded
	// Extensions is the map of extension outputs, encoded; nil: none.
	Extensions []byte
	// Trailing is written behind the end. Only forgeries have any.
	Trailing []byte
}

// encode writes the data.
func (a *AuthData) encode() []byte {
	out := append([]byte{}, a.RPIDHash[:]...)
	n := a.SignCount
	out = append(out, a.Flags, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	if a.CredentialID != nil {
		out = append(out, a.AAGUID[:]...)
		out = append(out, byte(len(a.CredentialID)>>8), byte(len(a.CredentialID)))
		out = append(out, a.CredentialID...)
		out = append(out, a.PublicKey...)
	}
	out = append(out, a.Extensions...)
	return append(out, a.Trailing...)
}
