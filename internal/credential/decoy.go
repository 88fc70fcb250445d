package credential

import (
	"context"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"bestow.dev/webauthn"
)

// Lengths and transports of credential ids as authenticators make them, for decoys.
var (
	decoyLengths    = []int{16, 16, 20, 32, 48, 64}
	decoyTransports = [][]string{{"usb"}, {"nfc", "usb"}, {"internal"}, {"hybrid", "internal"}}
)

// decoys returns the credential that a name which is nobody's seems to have: the same
// each time and on each node, and unlike that of any other name (§14.6.2).
func (s *Service) decoys(ctx context.Context, tenantName, rp string, who UserRef) ([]webauthn.CredentialDescriptor, error) {
	key, err := s.decoySecret(ctx)
	if err != nil {
		return nil, err
	}
	name := NameKey(who.Name)
	if name == "" {
		name = string(who.ID) + base64.RawURLEncoding.EncodeToString(who.Handle)
	}
	first := decoySum(key, "shape", tenantName, rp, name)
	id := decoySum(key, "id", tenantName, rp, name)
	id = append(id, decoySum(key, "id2", tenantName, rp, name)...)
	return []webauthn.CredentialDescriptor{{
		Type:       webauthn.TypePublicKey,
		ID:         id[:decoyLengths[int(first[0])%len(decoyLengths)]],
		Transports: decoyTransports[int(first[1])%len(decoyTransports)],
	}}, nil
}

// refuseDecoy refuses an answer to a decoy for the reason for which it would refuse
// one to a real credential, by the same steps: in the end, the signature.
func (s *Service) refuseDecoy(ctx context.Context, options *webauthn.RequestOptions, rp webauthn.RelyingParty, resp *webauthn.AuthenticationResponse) error {
	secret, err := s.decoySecret(ctx)
	if err != nil {
		return err
	}
	key, err := decoyPublicKey(secret)
	if err != nil {
		return err
	}
	record := webauthn.CredentialRecord{ID: resp.CredentialID, PublicKey: key, UserHandle: resp.UserHandle}
	if resp.AuthenticatorData != nil {
		record.BackupEligible = resp.AuthenticatorData.Flags.BackupEligible()
	}
	if _, err := webauthn.JudgeAuthentication(options.Expectation(rp, record, true), resp); err != nil {
		return err
	}
	return &webauthn.VerificationError{Reason: webauthn.ReasonAssertionSignature, Step: "7.2/21", Detail: "there is no such credential"}
}

// decoyPublicKey returns an ES256 key whose private half nobody keeps.
func decoyPublicKey(secret []byte) ([]byte, error) {
	private, err := ecdh.P256().NewPrivateKey(decoySum(secret, "key"))
	if err != nil {
		return nil, fmt.Errorf("decoy key: %w", err)
	}
	point := private.PublicKey().Bytes() // 04 ‖ x ‖ y
	// {1: 2, 3: -7, -1: 1, -2: x, -3: y} in canonical CBOR (RFC 9052 §7, RFC 9053 §7.1.1).
	key := []byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20}
	key = append(key, point[1:33]...)
	key = append(key, 0x22, 0x58, 0x20)
	return append(key, point[33:]...), nil
}

// decoySum is a keyed hash of parts, each ended by a byte that is in no name.
func decoySum(key []byte, parts ...string) []byte {
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		mac.Write([]byte(p))
		mac.Write([]byte{0})
	}
	return mac.Sum(nil)
}

// decoySecret returns the installation's secret for decoys, which it reads once.
func (s *Service) decoySecret(ctx context.Context) ([]byte, error) {
	s.decoyOnce.Lock()
	defer s.decoyOnce.Unlock()
	if s.decoyKey != nil {
		return s.decoyKey, nil
	}
	fresh, err := s.random(sha256.Size)
	if err != nil {
		return nil, err
	}
	key, err := s.store.DecoyKey(ctx, fresh)
	if err != nil {
		return nil, err
	}
	s.decoyKey = key
	return key, nil
}
