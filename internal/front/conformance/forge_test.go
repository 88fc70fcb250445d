package conformance_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1"
	"crypto/sha256"
	_ "crypto/sha512"
	"encoding/json"
	"math/big"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"bestow.dev/ctap"
	"bestow.dev/ctap/softkey"
	"bestow.dev/webauthn"
)

// Flags of authenticator data.
const (
	up       = softkey.FlagUserPresent
	uv       = softkey.FlagUserVerified
	attested = softkey.FlagAttestedData
	extended = softkey.FlagExtensionData
)

// canonical writes CBOR as CTAP2 wants it.
var canonical = must(cbor.CTAP2EncOptions().EncMode())

// extensionData is what authenticators say of an extension that nobody knows.
var extensionData = must(canonical.Marshal(map[string]any{"example.extension": "any text"}))

// answer is what an authenticator and its client are about to answer, and where that can
// be spoilt. What is spoilt early is signed all the same.
type answer struct {
	clientData map[string]any
	text       []byte // client data as it is sent, in place of the above
	hash       []byte // what is signed in place of its hash
	body       map[string]any
	response   map[string]any // of body

	forge softkey.Forge // AuthData and Statement run after the members below

	// Of a registration.
	kind   softkey.Attestation
	model  webauthn.AAGUID
	flags  byte
	alg    int64
	key    crypto.Signer // the credential's; nil: the software key's own
	attest func(message []byte, data *softkey.AuthData) softkey.Statement
	object func(map[string]any) // spoils the attestation object

	send func(*answer) // spoils body and response
}

// spoil changes an answer. There may be several ways to do what a case wants.
type spoil func(*answer)

// coseKey is a public key as credentials have it.
func coseKey(alg int64, public crypto.PublicKey) []byte {
	var m map[int]any
	switch k := public.(type) {
	case *rsa.PublicKey:
		m = map[int]any{1: 3, 3: alg, -1: k.N.Bytes(), -2: big.NewInt(int64(k.E)).Bytes()}
	case *ecdsa.PublicKey:
		point := must(k.Bytes())
		half := len(point)/2 + 1
		m = map[int]any{1: 2, 3: alg, -1: map[int64]int{-7: 1, -35: 2, -36: 3}[alg], -2: point[1:half], -3: point[half:]}
	case ed25519.PublicKey:
		m = map[int]any{1: 1, 3: alg, -1: 6, -2: []byte(k)}
	}
	return must(canonical.Marshal(m))
}

// sign signs as a COSE algorithm does.
func sign(alg int64, key crypto.Signer, message []byte) []byte {
	hashes := map[int64]crypto.Hash{
		-7: crypto.SHA256, -35: crypto.SHA384, -36: crypto.SHA512, -37: crypto.SHA256, -38: crypto.SHA384, -39: crypto.SHA512,
		-257: crypto.SHA256, -258: crypto.SHA384, -259: crypto.SHA512, -65535: crypto.SHA1,
	}
	hash, hashed := hashes[alg]
	if !hashed { // EdDSA
		return must(key.Sign(rand.Reader, message, crypto.Hash(0)))
	}
	h := hash.New()
	h.Write(message)
	var options crypto.SignerOpts = hash
	if alg <= -37 && alg >= -39 {
		options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
	}
	return must(key.Sign(rand.Reader, h.Sum(nil), options))
}

// packedBy attests in format packed with a chain of certificates.
func packedBy(s signer, rest ...signer) func([]byte, *softkey.AuthData) softkey.Statement {
	x5c := [][]byte{s.cert.Raw}
	for _, c := range rest {
		x5c = append(x5c, c.cert.Raw)
	}
	return func(message []byte, _ *softkey.AuthData) softkey.Statement {
		return softkey.Statement{Format: "packed", Members: map[string]any{"alg": int64(-7), "sig": sign(-7, s.key, message), "x5c": x5c}}
	}
}

// full is an honest packed registration of the lab's first model; self, none one of the
// kinds without certificate.
func full(a *answer) { a.model, a.attest = modelFull, packedBy(newLab().batch) }
func self(a *answer) { a.kind, a.model = softkey.AttestSelf, modelSelf }
func none(a *answer) { a.kind, a.model = softkey.AttestNone, webauthn.AAGUID{} }

// and puts spoils one after the other.
func and(all ...spoil) spoil {
	return func(a *answer) {
		for _, s := range all {
			s(a)
		}
	}
}

// newKey makes an authenticator. It has no PIN: flag UV is set by whoever forges.
func newKey(t testing.TB, kind softkey.Attestation) *softkey.Key {
	t.Helper()
	key, err := softkey.New(softkey.Config{
		UserPresence: softkey.AlwaysPresent, Attestation: kind,
		Now: timeOf(now),
	})
	check(t, err)
	return key
}

func newAnswer(kind, challenge string) *answer {
	return &answer{
		kind: softkey.AttestSelf, flags: up | uv, alg: -7,
		clientData: map[string]any{"type": kind, "challenge": challenge, "origin": origin},
	}
}

// finish writes what is sent, once the authenticator has answered.
func (a *answer) finish(id []byte) map[string]any {
	a.response["clientDataJSON"] = b64(a.text)
	a.body = map[string]any{
		"id": b64(id), "rawId": b64(id), "type": "public-key", "response": a.response, "getClientExtensionResults": map[string]any{},
	}
	if a.send != nil {
		a.send(a)
	}
	return a.body
}

// clientDataHash writes the client data and returns what is to be signed of it.
func (a *answer) clientDataHash() []byte {
	if a.text == nil {
		a.text = must(json.Marshal(a.clientData))
	}
	if a.hash != nil {
		return a.hash
	}
	sum := sha256.Sum256(a.text)
	return sum[:]
}

// hooks has the software key forge what the answer says.
func (a *answer) hooks() softkey.Forge {
	forge := a.forge
	var message []byte
	var data *softkey.AuthData
	forge.AuthData = func(d *softkey.AuthData) {
		d.Flags = d.Flags&^(up|uv) | a.flags
		if d.CredentialID != nil && a.kind != softkey.AttestU2F {
			d.AAGUID = a.model
		}
		if d.CredentialID != nil && a.key != nil {
			d.PublicKey = coseKey(a.alg, a.key.Public())
		}
		if a.forge.AuthData != nil {
			a.forge.AuthData(d)
		}
		data = d
	}
	forge.Signed = func(m []byte) []byte {
		message = m
		if a.forge.Signed != nil {
			return a.forge.Signed(m)
		}
		return m
	}
	forge.Statement = func(s *softkey.Statement) {
		switch {
		case a.attest != nil:
			*s = a.attest(message, data)
		case a.key != nil:
			*s = softkey.Statement{Format: "packed", Members: map[string]any{"alg": a.alg, "sig": sign(a.alg, a.key, message)}}
		}
		if a.forge.Statement != nil {
			a.forge.Statement(s)
		}
	}
	return forge
}

// create answers creation options, spoilt.
func (w *world) create(t testing.TB, o options, how spoil) (map[string]any, *softkey.Key) {
	t.Helper()
	a := newAnswer("webauthn.create", o.Challenge)
	how(a)
	key := newKey(t, a.kind)
	key.Forge(a.hooks())
	made, err := ctap.MakeCredential(t.Context(), key, ctap.MakeCredentialRequest{
		ClientDataHash: a.clientDataHash(), RP: ctap.RP{ID: o.RP.ID, Name: o.RP.Name},
		User: ctap.User{ID: unb64(t, o.User.ID), Name: o.User.Name}, Algorithms: []int64{-7},
	}, nil)
	check(t, err)
	key.Forge(softkey.Forge{})
	var statement any
	check(t, cbor.Unmarshal(made.Statement, &statement))
	object := map[string]any{"fmt": made.Format, "attStmt": cbor.RawMessage(made.Statement), "authData": made.AuthData}
	if a.object != nil {
		a.object(object)
	}
	a.response = map[string]any{"attestationObject": b64(must(canonical.Marshal(object)))}
	return a.finish(credentialID(made.AuthData)), key
}

// credentialID reads the id of attested credential data, as far as there is one.
func credentialID(authData []byte) []byte {
	if len(authData) < 55 {
		return []byte("none")
	}
	n := int(authData[53])<<8 | int(authData[54])
	return authData[55:min(55+n, len(authData))]
}

// sign in answers request options, spoilt.
func (w *world) assert(t testing.TB, o options, key *softkey.Key, how spoil) map[string]any {
	t.Helper()
	a := newAnswer("webauthn.get", o.Challenge)
	how(a)
	key.Forge(a.hooks())
	defer key.Forge(softkey.Forge{})
	id := unb64(t, o.Allow[0].ID)
	made, err := ctap.GetAssertion(t.Context(), key, ctap.GetAssertionRequest{
		RPID: o.RPID, ClientDataHash: a.clientDataHash(), AllowList: []ctap.CredentialDescriptor{{ID: id}},
	}, nil)
	check(t, err)
	a.response = map[string]any{"authenticatorData": b64(made.AuthData), "signature": b64(made.Signature), "userHandle": ""}
	return a.finish(id)
}

// member has a member of the body, or of its response, be left out, or be something else.
func without(name string) spoil {
	return func(a *answer) { a.send = func(a *answer) { delete(a.place(name), name) } }
}

func with(name string, value any) spoil {
	return func(a *answer) { a.send = func(a *answer) { a.place(name)[name] = value } }
}

// place returns the object that a member is of.
func (a *answer) place(name string) map[string]any {
	switch name {
	case "id", "rawId", "type", "response":
		return a.body
	}
	return a.response
}

// others returns values of every JSON type but those that a member may have.
func others(allowed any) []any {
	var all []any
	for _, v := range []any{map[string]any{"a": 1}, []any{"a"}, true, 7, "text"} {
		switch v.(type) {
		case string:
			if _, ok := allowed.(string); ok {
				continue
			}
		case map[string]any:
			if _, ok := allowed.(map[string]any); ok {
				continue
			}
		}
		all = append(all, v)
	}
	return all
}

// mistyped has a member be of every type that it must not be of.
func mistyped(name string, allowed any) (all []spoil) {
	for _, v := range others(allowed) {
		all = append(all, with(name, v))
	}
	return all
}

// said changes the client data before it is hashed and signed.
func said(name string, value any) spoil { return func(a *answer) { a.clientData[name] = value } }

func unsaid(name string) spoil { return func(a *answer) { delete(a.clientData, name) } }

func missaid(name string) (all []spoil) {
	for _, v := range others("") {
		all = append(all, said(name, v))
	}
	return all
}
