package conformance_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"testing"

	"bestow.dev/ctap/softkey"
)

// register asks for options, has an authenticator answer them, spoilt, and hands that in.
func (w *world) register(t *testing.T, ask map[string]any, how spoil) reply {
	t.Helper()
	o := w.ask(t, "/attestation/options", w.creationRequest(ask))
	body, _ := w.create(t, o, how)
	return w.post(t, "/attestation/result", body)
}

// accepts is the case of a registration that must succeed.
func accepts(ask map[string]any, how ...spoil) run {
	return func(t *testing.T, w *world) { want(t, w.register(t, ask, and(how...)), "") }
}

// refuses is the case of a registration that is good but for each of some spoils, and
// must be refused for it.
func refuses(code string, base spoil, spoils ...spoil) run {
	return func(t *testing.T, w *world) {
		for _, s := range spoils {
			want(t, w.register(t, nil, and(base, s)), code)
		}
	}
}

func registrationCases() map[string]run {
	return merge(structureCases(), clientDataCases("Resp-2", "webauthn.get", func(code string, spoils ...spoil) run {
		return refuses(code, full, spoils...)
	}), objectCases(), algorithmCases(), packedCases(), formatCases())
}

// structureCases are about the members of a registration.
func structureCases() map[string]run {
	const missing, mistype, value = "request.field_missing", "request.field_type", "request.field_value"
	return map[string]run{
		"Resp-1/P-1":  excludesAfterwards,
		"Resp-1/F-1":  refuses(missing, full, without("id")),
		"Resp-1/F-2":  refuses(mistype, full, mistyped("id", "")...),
		"Resp-1/F-3":  refuses(value, full, with("id", "not/base64url+"), with("id", "AA=="), with("id", "")),
		"Resp-1/F-4":  refuses(missing, full, without("type")),
		"Resp-1/F-5":  refuses(mistype, full, mistyped("type", "")...),
		"Resp-1/F-6":  refuses(value, full, with("type", "password"), with("type", "")),
		"Resp-1/F-7":  refuses(missing, full, without("response")),
		"Resp-1/F-8":  refuses(mistype, full, mistyped("response", map[string]any{})...),
		"Resp-1/F-9":  refuses(missing, full, without("clientDataJSON")),
		"Resp-1/F-10": refuses(mistype, full, mistyped("clientDataJSON", "")...),
		"Resp-1/F-11": refuses(value, full, with("clientDataJSON", "")),
		"Resp-1/F-12": refuses(missing, full, without("attestationObject")),
		"Resp-1/F-13": refuses(mistype, full, mistyped("attestationObject", "")...),
		"Resp-1/F-14": refuses(value, full, with("attestationObject", "")),
		"Resp-1/F-15": func(t *testing.T, w *world) {
			want(t, w.register(t, required, and(full, func(a *answer) { a.flags = up })), "uv.required")
		},
	}
}

// excludesAfterwards: the next options for the same user exclude the new credential.
func excludesAfterwards(t *testing.T, w *world) {
	u := w.enrolled(t, full)
	o := w.ask(t, "/attestation/options", w.creationRequest(map[string]any{"username": u.name}))
	if len(o.Exclude) != 1 || o.Exclude[0].ID != u.id || o.Exclude[0].Type != "public-key" {
		t.Errorf("excludeCredentials %+v, want %s", o.Exclude, u.id)
	}
}

// clientDataCases are the seventeen about client data, which both ceremonies have. other
// is the type of the other ceremony.
func clientDataCases(group, other string, refuse func(code string, spoils ...spoil) run) map[string]run {
	const malformed, binding = "clientdata.malformed", "clientdata.token_binding"
	var unbound []spoil
	for _, v := range others(map[string]any{}) {
		unbound = append(unbound, said("tokenBinding", v))
	}
	return map[string]run{
		group + "/F-1":  refuse(malformed, unsaid("type")),
		group + "/F-2":  refuse(malformed, missaid("type")...),
		group + "/F-3":  refuse(malformed, said("type", "")),
		group + "/F-4":  refuse("clientdata.type", said("type", "webauthn.other")),
		group + "/F-5":  refuse("clientdata.type", said("type", other)),
		group + "/F-6":  refuse(malformed, unsaid("challenge")),
		group + "/F-7":  refuse(malformed, missaid("challenge")...),
		group + "/F-8":  refuse(malformed, said("challenge", "")),
		group + "/F-9":  refuse("clientdata.challenge", said("challenge", "not/base64url+"), said("challenge", "AA==")),
		group + "/F-10": refuse("clientdata.challenge", said("challenge", b64(make([]byte, 32)))),
		group + "/F-11": refuse(malformed, unsaid("origin")),
		group + "/F-12": refuse(malformed, missaid("origin")...),
		group + "/F-13": refuse(malformed, said("origin", "")),
		group + "/F-14": refuse("clientdata.origin", said("origin", "https://evil.example"), said("origin", origin+".evil.example"), said("origin", origin+":8443")),
		group + "/F-15": refuse(binding, unbound...),
		group + "/F-16": refuse(binding, said("tokenBinding", map[string]any{"id": "AA"})),
		group + "/F-17": refuse(binding, said("tokenBinding", map[string]any{"status": "perhaps"}), said("tokenBinding", map[string]any{"status": 7})),
	}
}

// object has a member of the attestation object be something else, or be left out.
func object(name string, value any) spoil {
	return func(a *answer) {
		a.object = func(o map[string]any) {
			if o[name] = value; value == nil {
				delete(o, name)
			}
		}
	}
}

// stated changes the members of the attestation statement; nil removes one.
func stated(name string, value any) spoil {
	return func(a *answer) {
		a.forge.Statement = func(s *softkey.Statement) {
			if s.Members[name] = value; value == nil {
				delete(s.Members, name)
			}
		}
	}
}

// authData changes the authenticator data before it is signed.
func authData(change func(*softkey.AuthData)) spoil {
	return func(a *answer) { a.forge.AuthData = change }
}

// withExtensions has the authenticator say something of an extension.
var withExtensions = authData(func(d *softkey.AuthData) { d.Flags, d.Extensions = d.Flags|extended, extensionData })

// flipped spoils signatures.
func flipped(b []byte) []byte {
	b = append([]byte{}, b...)
	b[len(b)-1] ^= 1
	return b
}

// badSignature has the statement's signature not be what it was.
func badSignature(a *answer) {
	a.forge.Statement = func(s *softkey.Statement) { s.Members["sig"] = flipped(s.Members["sig"].([]byte)) }
}

// objectCases are about the attestation object and what is in it.
func objectCases() map[string]run {
	const malformed, stmt = "attobj.malformed", "attestation.statement"
	list := func(a *answer) {
		a.send = func(a *answer) { a.response["attestationObject"] = b64(must(canonical.Marshal([]any{"packed"}))) }
	}
	return map[string]run{
		"Resp-3/P-1": accepts(nil, full, withExtensions),
		"Resp-3/F-1": refuses(malformed, full, list, with("attestationObject", b64([]byte{0xff})), with("attestationObject", b64([]byte{7}))),
		"Resp-3/F-2": refuses(malformed, full, object("fmt", nil)),
		"Resp-3/F-3": refuses(malformed, full, object("fmt", 7), object("fmt", []byte("packed")), object("fmt", true)),
		"Resp-3/F-4": refuses(malformed, full, object("attStmt", nil)),
		"Resp-3/F-5": refuses(stmt, full, object("attStmt", "text"), object("attStmt", 7), object("attStmt", []any{})),
		"Resp-3/F-6": refuses(malformed, full, object("authData", nil)),
		"Resp-3/F-7": refuses(malformed, full, object("authData", "text"), object("authData", 7), object("authData", map[string]any{})),
		"Resp-3/F-8": refuses("authdata.malformed", full, object("authData", []byte{})),
		"Resp-3/F-9": refuses("authdata.trailing", full, authData(func(d *softkey.AuthData) { d.Flags &^= attested })),
		"Resp-3/F-10": refuses("authdata.flags", full, authData(func(d *softkey.AuthData) {
			d.Flags, d.CredentialID = d.Flags&^attested, nil
		})),
		"Resp-3/F-11": refuses("authdata.malformed", full, authData(func(d *softkey.AuthData) { d.CredentialID = nil })),
		"Resp-3/F-12": refuses("authdata.trailing", full, authData(func(d *softkey.AuthData) { d.Trailing = []byte{1, 2, 3} })),
		"Resp-3/F-13": refuses(stmt, full, object("attStmt", map[string]any{})),
		"Resp-3/F-14": refuses(stmt, full, stated("alg", nil)),
		"Resp-3/F-15": refuses(stmt, full, stated("alg", "ES256"), stated("alg", true), stated("alg", []byte{7})),
		"Resp-3/F-16": refuses("alg.unsupported", full, stated("alg", int64(-257)), stated("alg", int64(-35))),
		"Resp-3/F-17": refuses(stmt, full, stated("sig", nil)),
		"Resp-3/F-18": refuses(stmt, full, stated("sig", "text"), stated("sig", int64(7)), stated("sig", map[string]any{})),
		"Resp-3/F-19": refuses("attestation.signature", full, stated("sig", []byte{})),
	}
}

// keyed has the credential key be of an algorithm, and attest itself.
func keyed(alg int64) run {
	return func(t *testing.T, w *world) {
		want(t, w.register(t, nil, func(a *answer) {
			self(a)
			a.alg, a.key = alg, keyFor(alg)
		}), "")
	}
}

// keyFor returns a key for a COSE algorithm.
func keyFor(alg int64) crypto.Signer {
	switch alg {
	case -7:
		return p256()
	case -35:
		return must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	case -36:
		return must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))
	case -8:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return must(key, err)
	}
	return rsaKey()
}

func algorithmCases() map[string]run {
	return map[string]run{
		// ES256K is in the list of names and nothing is sent for it; it is not offered.
		"Resp-4/P-1":  notOffered(-47),
		"Resp-4/P-2":  keyed(-37),
		"Resp-4/P-3":  keyed(-38),
		"Resp-4/P-4":  keyed(-39),
		"Resp-4/P-5":  keyed(-257),
		"Resp-4/P-6":  keyed(-258),
		"Resp-4/P-7":  keyed(-259),
		"Resp-4/P-8":  keyed(-65535),
		"Resp-4/P-9":  keyed(-7),
		"Resp-4/P-10": keyed(-35),
		"Resp-4/P-11": keyed(-36),
		"Resp-4/P-12": keyed(-8),
	}
}

func notOffered(alg int64) run {
	return func(t *testing.T, w *world) {
		for _, p := range w.ask(t, "/attestation/options", w.creationRequest(nil)).Params {
			if p.Alg == alg {
				t.Errorf("algorithm %d is offered", alg)
			}
		}
	}
}
