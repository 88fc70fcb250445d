package conformance_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"testing"

	"bestow.dev/ctap/softkey"
	"bestow.dev/webauthn"
)

// by has a model attest in format packed, with a chain.
func by(id webauthn.AAGUID, leaf signer, rest ...signer) spoil {
	return func(a *answer) { a.model, a.attest = id, packedBy(leaf, rest...) }
}

// leafUnder issues a batch certificate, changed.
func leafUnder(issuer signer, change func(*x509.Certificate)) signer {
	c := batchTemplate()
	if change != nil {
		change(c)
	}
	return issue(c, p256(), &issuer)
}

// packedCases are those of packed attestation, with certificates and without.
func packedCases() map[string]run {
	l := newLab()
	below := leafUnder(l.intermediate, nil)
	late := leafUnder(l.expired, nil)
	second := issue(caTemplate("Lab Second Intermediate"), p256(), &l.intermediate)
	lowest := leafUnder(second, nil)
	stranger := issue(caTemplate("Lab Root"), p256(), nil)
	old := leafUnder(l.root, func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, -1) })
	young := leafUnder(l.root, func(c *x509.Certificate) { c.NotBefore = now.AddDate(0, 0, 1) })
	otherKey := issue(batchTemplate(), must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)), &l.root)
	unverified := func(code string, how ...spoil) run { return refuses(code, func(*answer) {}, how...) }
	return map[string]run{
		"Resp-5/P-1":  accepts(nil, full),
		"Resp-5/P-2":  accepts(nil, by(modelFull, lowest, second, l.intermediate)),
		"Resp-5/P-3":  accepts(nil, by(modelLeaf, l.own)),
		"Resp-5/P-4":  accepts(nil, by(modelCritical, leafUnder(l.critical, nil))),
		"Resp-5/P-5":  accepts(nil, by(modelLarge, l.batch)),
		"Resp-5/F-1":  refuses("attestation.format", full, object("fmt", "packed2")),
		"Resp-5/F-2":  refuses("attestation.signature", full, badSignature),
		"Resp-5/F-3":  refuses("attestation.signature", full, stated("x5c", nil)),
		"Resp-5/F-4":  refuses("attestation.statement", full, stated("x5c", "text"), stated("x5c", int64(7)), stated("x5c", map[string]any{})),
		"Resp-5/F-5":  refuses("attestation.statement", full, stated("x5c", [][]byte{})),
		"Resp-5/F-6":  unverified("attestation.certificate", by(modelFull, old)),
		"Resp-5/F-7":  unverified("attestation.certificate", by(modelFull, young)),
		"Resp-5/F-8":  unverified("alg.unsupported", by(modelFull, otherKey), algorithmOf(otherKey, -35)),
		"Resp-5/F-9":  unverified("attestation.chain", by(modelFull, leafUnder(stranger, nil)), by(modelFull, below)),
		"Resp-5/F-10": unverified("attestation.chain", by(modelFull, l.batch, l.root), by(modelFull, below, l.intermediate, l.root)),
		"Resp-5/F-11": unverified("attestation.chain", by(modelFull, lowest, l.intermediate, second)),
		"Resp-5/F-12": unverified("attestation.certificate", by(modelFull, late, l.expired)),
		"Resp-5/F-13": unverified("attestation.signature", by(modelFull, signer{l.batch.cert, p256()})),
		"Resp-5/F-14": refuses("attestation.signature", func(a *answer) {
			full(a)
			a.key = p256()
			a.attest = packedBy(signer{l.batch.cert, a.key})
		}, func(*answer) {}),

		"Resp-6/P-1": accepts(nil, self),
		"Resp-6/F-1": refuses("attestation.signature", self, badSignature),
		"Resp-6/F-2": unverified("attestation.type_not_allowed", by(modelSelf, l.batch)),
		"Resp-6/F-3": refuses("attestation.format", self, object("fmt", "self")),
	}
}

// algorithmOf has a certificate's key sign with its own algorithm, which the metadata does
// not list.
func algorithmOf(s signer, alg int64) spoil {
	return func(a *answer) {
		a.model = modelFull
		a.attest = func(message []byte, _ *softkey.AuthData) softkey.Statement {
			return softkey.Statement{Format: "packed", Members: map[string]any{
				"alg": alg, "sig": sign(alg, s.key, message), "x5c": [][]byte{s.cert.Raw},
			}}
		}
	}
}

// asksNone asks for no attestation.
var asksNone = map[string]any{"attestation": "none"}

func formatCases() map[string]run {
	filled := stated("alg", int64(-7))
	return map[string]run{
		"Resp-7/P-1": accepts(asksNone, none),
		"Resp-7/P-2": func(t *testing.T, w *world) {
			want(t, w.register(t, asksNone, self), "")
			want(t, w.register(t, asksNone, and(self, func(a *answer) { a.model = model(99) })), "")
		},
		"Resp-7/F-1": func(t *testing.T, w *world) {
			want(t, w.register(t, asksNone, and(none, filled)), "attestation.statement")
		},

		"Resp-8/P-1": accepts(nil, u2f),
		"Resp-8/F-1": refuses("attestation.certificate", u2f, authData(func(d *softkey.AuthData) { d.AAGUID = modelFull })),
		"Resp-8/F-2": refuses("attestation.signature", u2f, badSignature, stated("sig", []byte{0x30, 0x80, 1}), stated("sig", []byte{})),

		"Resp-9/P-1": accepts(nil, tpm{alg: -257}.spoil),
		"Resp-9/P-2": accepts(nil, tpm{alg: -65535}.spoil),
		"Resp-9/P-4": accepts(nil, tpm{alg: -7}.spoil),
		"Resp-9/F-1": refuses("attestation.certificate", tpm{alg: -257, backwards: true}.spoil, func(*answer) {}),
		"Resp-9/F-2": refuses("attestation.statement", tpm{alg: -257, certInfo: func(c *softkey.TPMCertInfo) {
			c.ExtraData = flipped(c.ExtraData)
		}}.spoil, func(*answer) {}),
		"Resp-9/F-3": refuses("attestation.statement", tpm{alg: -257, certInfo: func(c *softkey.TPMCertInfo) { c.Magic++ }}.spoil, func(*answer) {}),
		"Resp-9/F-4": refuses("attestation.statement", tpm{alg: -257, public: func(p *softkey.TPMPublic) { p.N = flipped(p.N) }}.spoil, func(*answer) {}),

		"Resp-A/P-1": accepts(nil, android{}.spoil),
		"Resp-A/F-1": refuses("attestation.statement", android{challenge: make([]byte, 32)}.spoil, func(*answer) {}),
		"Resp-A/F-2": refuses("attestation.statement", android{otherKey: true}.spoil, func(*answer) {}),
		"Resp-A/F-3": refuses("attestation.signature", android{backwards: true}.spoil, func(*answer) {}),
	}
}

// u2f attests as U2F keys do.
func u2f(a *answer) {
	a.kind = softkey.AttestU2F
	a.attest = func(message []byte, _ *softkey.AuthData) softkey.Statement {
		s := newLab().u2f
		return softkey.Statement{Format: "fido-u2f", Members: map[string]any{"sig": sign(-7, s.key, message), "x5c": [][]byte{s.cert.Raw}}}
	}
}

// tpm attests as TPMs do, with an attestation key of some algorithm. The credential key is
// RSA's.
type tpm struct {
	alg       int64
	backwards bool
	certInfo  func(*softkey.TPMCertInfo)
	public    func(*softkey.TPMPublic)
}

func (m tpm) spoil(a *answer) {
	a.model, a.alg, a.key, a.attest = modelTPM, -257, rsaKey(), m.attest
}

// nameOf is the name of a TPM's object: the number of SHA-256 and its public area's hash.
func nameOf(public []byte) []byte {
	sum := sha256.Sum256(public)
	return append([]byte{0, 0x0b}, sum[:]...)
}

func (m tpm) attest(message []byte, _ *softkey.AuthData) softkey.Statement {
	n := rsaKey().PublicKey.N.Bytes()
	public := softkey.TPMPublic{
		Type: 1, NameAlg: 0x0b, Attributes: 0x40472, Symmetric: []uint16{0x10}, Scheme: []uint16{0x14, 0x0b}, KeyBits: 2048, N: n,
	}
	if m.public != nil {
		m.public(&public)
	}
	extra := sha256.Sum256(message)
	info := softkey.TPMCertInfo{
		Magic: 0xff544347, Type: 0x8017, QualifiedSigner: nameOf(nil), ExtraData: extra[:], Clock: 1, Safe: 1, FirmwareVersion: 1,
		Name: nameOf(public.Bytes()), QualifiedName: nameOf(nil),
	}
	if m.alg == -65535 {
		short := sha1.Sum(message)
		info.ExtraData = short[:]
	}
	if m.certInfo != nil {
		m.certInfo(&info)
	}
	var key crypto.Signer = aikKey()
	if m.alg == -7 {
		key = p256()
	}
	x5c := [][]byte{aik(key).cert.Raw, newLab().intermediate.cert.Raw}
	if m.backwards {
		slices.Reverse(x5c)
	}
	return softkey.Statement{Format: "tpm", Members: map[string]any{
		"ver": "2.0", "alg": m.alg, "x5c": x5c, "sig": sign(m.alg, key, info.Bytes()), "certInfo": info.Bytes(), "pubArea": public.Bytes(),
	}}
}

// aikKey is the RSA attestation key.
func aikKey() *rsa.PrivateKey { return rsaKey() }

// aik certifies a TPM's attestation key.
func aik(key crypto.Signer) signer {
	identity := softkey.TPMIdentity{
		Manufacturer: "id:FFFFF1D0", Model: "Lab TPM", Version: "id:00010000", Purpose: tpmIdentityPurpose, AAGUID: modelTPM,
	}
	return issue(must(identity.Template(now)), key, &newLab().intermediate)
}

// android attests as an Android keystore does.
type android struct {
	challenge           []byte // in place of the client data's hash
	otherKey, backwards bool
}

func (m android) spoil(a *answer) {
	key := p256()
	a.model, a.key = modelAndroid, key
	a.attest = func(message []byte, _ *softkey.AuthData) softkey.Statement {
		challenge := message[len(message)-sha256.Size:]
		if m.challenge != nil {
			challenge = m.challenge
		}
		certified := key
		if m.otherKey {
			certified = p256()
		}
		c := template(pkix.Name{CommonName: "Android Keystore Key"})
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 1, 17}, Value: description(challenge)}}
		leaf := issue(c, certified, &newLab().intermediate)
		x5c := [][]byte{leaf.cert.Raw, newLab().intermediate.cert.Raw}
		if m.backwards {
			slices.Reverse(x5c)
		}
		return softkey.Statement{Format: "android-key", Members: map[string]any{"alg": int64(-7), "sig": sign(-7, certified, message), "x5c": x5c}}
	}
}

// description is what a trusted environment says of a key that it made for signing.
func description(challenge []byte) []byte {
	return must(asn1.Marshal(struct {
		Version             int
		Level               asn1.Enumerated
		Keymint             int
		Keystore            asn1.Enumerated
		Challenge, UniqueID []byte
		Software            struct{}
		Hardware            struct {
			Purpose []int `asn1:"set,explicit,tag:1"`
			Origin  int   `asn1:"explicit,tag:702"`
		}
	}{
		Version: 300, Level: 1, Keymint: 300, Keystore: 1, Challenge: challenge, UniqueID: []byte{},
		Hardware: struct {
			Purpose []int `asn1:"set,explicit,tag:1"`
			Origin  int   `asn1:"explicit,tag:702"`
		}{[]int{2}, 0},
	}))
}
