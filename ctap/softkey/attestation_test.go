package softkey

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/cloudflare/circl/sign"
	"github.com/cloudflare/circl/sign/ed448"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	secp256k1ecdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"bestow.dev/ctap"
)

// publicKey reads a COSE key by hand.
func publicKey(t testing.TB, key item) (alg int64, public crypto.PublicKey) {
	t.Helper()
	p := &params{pairs: key.pairs}
	alg, _ = p.int(num(3))
	switch alg {
	case ES256:
		return alg, ecdsaKey(t, key)
	case ES384:
		x, _ := p.bytes(num(-2))
		y, _ := p.bytes(num(-3))
		public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P384(), slices.Concat([]byte{4}, x, y))
		if err != nil {
			t.Fatal(err)
		}
		return alg, public
	case EdDSA:
		x, _ := p.bytes(num(-2))
		return alg, ed25519.PublicKey(x)
	case RS256:
		n, _ := p.bytes(num(-1))
		e, _ := p.bytes(num(-2))
		return alg, &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	case ES256K:
		x, _ := p.bytes(num(-2))
		y, _ := p.bytes(num(-3))
		public, err := secp256k1.ParsePubKey(slices.Concat([]byte{4}, x, y))
		if err != nil {
			t.Fatal(err)
		}
		return alg, public
	case Ed448:
		x, _ := p.bytes(num(-2))
		return alg, ed448.PublicKey(x)
	case MLDSA44, MLDSA65, MLDSA87:
		pub, _ := p.bytes(num(-1))
		public, err := parameterSets[alg].UnmarshalBinaryPublicKey(pub)
		if err != nil {
			t.Fatal(err)
		}
		return alg, public
	}
	t.Fatalf("algorithm %d", alg)
	return 0, nil
}

func verifySignature(t testing.TB, alg int64, public crypto.PublicKey, message, sig []byte) bool {
	t.Helper()
	digest := sha256.Sum256(message)
	switch alg {
	case ES256:
		return ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), digest[:], sig)
	case ES384:
		digest := sha512.Sum384(message)
		return ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), digest[:], sig)
	case EdDSA:
		return ed25519.Verify(public.(ed25519.PublicKey), message, sig)
	case RS256:
		return rsa.VerifyPKCS1v15(public.(*rsa.PublicKey), crypto.SHA256, digest[:], sig) == nil
	case ES256K:
		parsed, err := secp256k1ecdsa.ParseDERSignature(sig)
		return err == nil && parsed.Verify(digest[:], public.(*secp256k1.PublicKey))
	case Ed448:
		return ed448.Verify(public.(ed448.PublicKey), message, sig, "")
	case MLDSA44, MLDSA65, MLDSA87:
		return parameterSets[alg].Verify(public.(sign.PublicKey), message, sig, nil)
	}
	t.Fatalf("algorithm %d", alg)
	return false
}

// maxUSBMessage is the longest message of CTAPHID (CTAP 2.1 §11.2.4). A real key's
// answers have to fit, so those of one that stands in for it should.
const maxUSBMessage = 7609

// Every attestation with every algorithm, verified with the libraries alone, and
// assertions with what was attested.
func TestAttestationVerifies(t *testing.T) {
	for attestation, at := range attesters {
		for _, alg := range algorithms {
			if only := at.algorithms(); only != nil && !slices.Contains(only, alg) {
				continue
			}
			for _, keep := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%d/resident=%v", attestation, alg, keep), func(t *testing.T) {
					b := newBench(t, func(c *Config) { c.Attestation = attestation })
					r := goodCreation()
					r[4] = cborArray(offer(alg))
					if keep {
						resident(r)
					}
					status, body := b.do(ctap.CommandMakeCredential, r)
					wantStatus(t, "makeCredential", status, ctap.StatusOK)
					if n := 1 + len(body); n > maxUSBMessage {
						t.Errorf("an answer of %d bytes would not pass over USB", n)
					}
					made := b.authData(body, 2)
					checkStatement(t, b, attestation, body, made)

					b.reopen()
					use := goodAssertion()
					use[3] = cborArray(descriptorOf(made.id))
					status, body = b.do(ctap.CommandGetAssertion, use)
					wantStatus(t, "getAssertion", status, ctap.StatusOK)
					gotAlg, public := publicKey(t, made.key)
					message := slices.Concat(b.authData(body, 2).raw, clientDataHash[:])
					if gotAlg != alg || !verifySignature(t, alg, public, message, b.member(body, 3).data) {
						t.Errorf("assertion with algorithm %d does not verify", gotAlg)
					}
				})
			}
		}
	}
}

func checkStatement(t *testing.T, b *bench, attestation Attestation, body []byte, made parsedAuthData) {
	t.Helper()
	statement := &params{pairs: b.member(body, 3).pairs}
	format := string(b.member(body, 1).data)
	message := slices.Concat(made.raw, clientDataHash[:])
	sig, _ := statement.bytes(name("sig"))
	alg, _ := statement.int(name("alg"))
	chain, _ := statement.typed(name("x5c"), majorArray)
	credAlg, credKey := publicKey(t, made.key)

	if check, ok := formatChecks[attestation]; ok {
		if err := check(attestedCase{b, t, b.member(body, 3), credAlg, credKey, message}); err != nil || !strings.HasPrefix(string(attestation), format) {
			t.Errorf("format %q: %v", format, err)
		}
		return
	}
	switch attestation {
	case AttestNone:
		if format != "none" || len(statement.pairs) != 0 {
			t.Errorf("format %q, %d members", format, len(statement.pairs))
		}
	case AttestSelf:
		if format != "packed" || alg != credAlg || len(statement.pairs) != 2 || !verifySignature(t, alg, credKey, message, sig) {
			t.Errorf("self attestation does not verify")
		}
	case AttestPacked:
		leaf := checkChain(t, b, chain)
		if format != "packed" || alg != ES256 || len(statement.pairs) != 3 || !verifySignature(t, alg, leaf.PublicKey, message, sig) {
			t.Error("packed attestation does not verify")
		}
		checkPackedCertificate(t, leaf)
		if !bytes.Equal(made.aaguid, AAGUID[:]) {
			t.Errorf("AAGUID %x", made.aaguid)
		}
	case AttestU2F:
		leaf := checkChain(t, b, chain)
		key := &params{pairs: made.key.pairs}
		x, _ := key.bytes(num(-2))
		y, _ := key.bytes(num(-3))
		message := slices.Concat([]byte{0}, made.rpIDHash, clientDataHash[:], made.id, []byte{4}, x, y)
		if format != "fido-u2f" || len(statement.pairs) != 2 || !verifySignature(t, ES256, leaf.PublicKey, message, sig) {
			t.Error("U2F attestation does not verify")
		}
		if !bytes.Equal(made.aaguid, make([]byte, 16)) {
			t.Errorf("AAGUID %x", made.aaguid)
		}
	}
}

// checkChain verifies the one certificate against the key's root.
func checkChain(t *testing.T, b *bench, chain item) *x509.Certificate {
	t.Helper()
	if len(chain.list) != 1 {
		t.Fatalf("%d certificates", len(chain.list))
	}
	leaf, err := x509.ParseCertificate(chain.list[0].data)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(b.AttestationRoot())
	if _, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, CurrentTime: b.now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}); err != nil {
		t.Error(err)
	}
	return leaf
}

// checkPackedCertificate holds the certificate against WebAuthn §8.2.1.
func checkPackedCertificate(t *testing.T, leaf *x509.Certificate) {
	t.Helper()
	s := leaf.Subject
	if leaf.Version != 3 || leaf.IsCA || !leaf.BasicConstraintsValid {
		t.Errorf("version %d, CA %v", leaf.Version, leaf.IsCA)
	}
	if len(s.Country) != 1 || len(s.Country[0]) != 2 || len(s.Organization) != 1 || s.CommonName != batchName ||
		!slices.Equal(s.OrganizationalUnit, []string{"Authenticator Attestation"}) {
		t.Errorf("subject %s", s)
	}
	var rdns []asn1.RawValue
	if _, err := asn1.Unmarshal(leaf.RawSubject, &rdns); err != nil || len(rdns) != 4 {
		t.Errorf("subject of %d names, %v", len(rdns), err)
	}
	i := slices.IndexFunc(leaf.Extensions, func(e pkix.Extension) bool { return e.Id.String() == "1.3.6.1.4.1.45724.1.1.4" })
	if i < 0 {
		t.Fatal("no AAGUID extension")
	}
	want := append([]byte{0x04, 0x10}, AAGUID[:]...)
	if e := leaf.Extensions[i]; e.Critical || !bytes.Equal(e.Value, want) {
		t.Errorf("AAGUID extension %x, critical %v", e.Value, e.Critical)
	}
}

// hmac-secret gives the same output for the same salt, and another one with
// verification (CTAP 2.1 §12.5).
func TestHMACSecret(t *testing.T) {
	for _, proto := range protocols {
		b := newBench(t)
		b.setPIN(goodPIN)
		id := b.create(nil)
		salts := append(bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)...)
		ask := func(salts []byte, verified bool) []byte {
			r := goodAssertion()
			r[3] = cborArray(descriptorOf(id))
			if verified {
				r.authorise(ctap.CommandGetAssertion, 2, b.token(2, ctap.PermissionGetAssertion))
			}
			pf := b.platform(proto)
			enc := pf.encrypt(salts)
			r[4] = cborMap(named("hmac-secret", cborMap(
				at(1, pf.public), at(2, cborBytes(enc)), at(3, cborBytes(proto.mac(pf.macKey, enc))),
				when(proto != 1, at(4, cborInt(int64(proto)))))))
			status, body := b.do(ctap.CommandGetAssertion, r)
			wantStatus(t, "getAssertion", status, ctap.StatusOK)
			data := b.authData(body, 2)
			sealed, _ := (&params{pairs: data.extensions.pairs}).bytes(name("hmac-secret"))
			out, ok := pf.decrypt(sealed)
			if !ok || len(out) != len(salts) {
				t.Fatalf("output of %d bytes", len(out))
			}
			return out
		}
		one, two := ask(salts[:32], false), ask(salts, false)
		if !bytes.Equal(one, two[:32]) || bytes.Equal(two[:32], two[32:]) {
			t.Error("outputs do not follow the salts")
		}
		if bytes.Equal(one, ask(salts[:32], true)) {
			t.Error("verification makes no difference")
		}

		// Salts of no known length, and a wrong param.
		pf := b.platform(proto)
		for _, test := range []struct {
			salts []byte
			mac   func([]byte) []byte
			want  ctap.Status
		}{
			{salts[:48], func(enc []byte) []byte { return proto.mac(pf.macKey, enc) }, ctap.StatusInvalidParameter},
			{salts, func([]byte) []byte { return make([]byte, 32) }, ctap.StatusPINAuthInvalid},
		} {
			enc := pf.encrypt(test.salts)
			r := goodAssertion()
			r[3] = cborArray(descriptorOf(id))
			r[4] = cborMap(named("hmac-secret", cborMap(
				at(1, pf.public), at(2, cborBytes(enc)), at(3, cborBytes(test.mac(enc))), at(4, cborInt(int64(proto))))))
			status, _ := b.do(ctap.CommandGetAssertion, r)
			wantStatus(t, "hmac-secret", status, test.want)
		}
	}
}

// Each forgery changes an answer, one that is asked for leaves no trace, and the key
// is honest again afterwards.
func TestForgeries(t *testing.T) {
	for attestation := range attesters {
		seen := map[string]bool{}
		for _, f := range Forgeries(attestation) {
			if seen[f.Name] {
				t.Errorf("%s: %q is there twice", attestation, f.Name)
			}
			seen[f.Name] = true
			if !f.Registration && !f.Assertion {
				t.Errorf("%s: %q shows nowhere", attestation, f.Name)
			}
			b := newBench(t, func(c *Config) { c.Attestation = attestation })
			b.setPIN(goodPIN)
			make1 := func() ([]byte, error) {
				r := goodCreation().authorise(ctap.CommandMakeCredential, 2, b.token(2, ctap.PermissionMakeCredential))
				_, body := b.do(ctap.CommandMakeCredential, r)
				return body, honestRegistration(t, b, attestation, body)
			}
			body, err := make1()
			if err != nil {
				t.Fatalf("%s: honest: %v", attestation, err)
			}
			made := b.authData(body, 2)
			assert1 := func() error {
				r := goodAssertion().authorise(ctap.CommandGetAssertion, 2, b.token(2, ctap.PermissionGetAssertion))
				r[3] = cborArray(descriptorOf(made.id))
				status, body := b.do(ctap.CommandGetAssertion, r)
				if status != ctap.StatusOK {
					return status
				}
				return honestAssertion(t, b, made, body)
			}
			if err := assert1(); err != nil {
				t.Fatalf("%s: honest: %v", attestation, err)
			}
			b.Forge(f.Forge)
			if _, err := make1(); (err != nil) != f.Registration {
				t.Errorf("%s, %q: registration %v, want a fault: %v", attestation, f.Name, err, f.Registration)
			}
			if err := assert1(); (err != nil) != f.Assertion {
				t.Errorf("%s, %q: assertion %v, want a fault: %v", attestation, f.Name, err, f.Assertion)
			}
			b.Forge(Forge{})
			if _, err := make1(); err != nil {
				t.Errorf("%s, after %q: %v", attestation, f.Name, err)
			}
		}
	}
}

// honestRegistration reports the first thing that is wrong with an answer of a key
// that verified somebody.
func honestRegistration(t *testing.T, b *bench, attestation Attestation, body []byte) error {
	raw := b.member(body, 2).data
	if err := honestAuthData(raw, FlagUserPresent|FlagUserVerified|FlagAttestedData); err != nil {
		return err
	}
	made := b.authData(body, 2)
	if len(made.id) > 1023 {
		return fmt.Errorf("credential id of %d bytes", len(made.id))
	}
	key := &params{pairs: made.key.pairs}
	if kty, _ := key.int(num(1)); kty != 2 {
		return fmt.Errorf("key type %d", kty)
	}
	x, _ := key.bytes(num(-2))
	y, _ := key.bytes(num(-3))
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
	if err != nil {
		return err
	}
	if check, ok := formatChecks[attestation]; ok {
		return check(attestedCase{b, t, b.member(body, 3), ES256, public, slices.Concat(made.raw, clientDataHash[:])})
	}
	statement := &params{pairs: b.member(body, 3).pairs}
	want := map[Attestation]int{AttestPacked: 3, AttestSelf: 2, AttestU2F: 2, AttestNone: 0}[attestation]
	if len(statement.pairs) != want {
		return fmt.Errorf("statement of %d members", len(statement.pairs))
	}
	if attestation == AttestNone {
		return nil
	}
	signer, message := public, slices.Concat(made.raw, clientDataHash[:])
	if attestation != AttestSelf {
		chain, _ := statement.typed(name("x5c"), majorArray)
		if len(chain.list) != 1 {
			return fmt.Errorf("%d certificates", len(chain.list))
		}
		leaf, err := x509.ParseCertificate(chain.list[0].data)
		if err != nil {
			return err
		}
		if err := leaf.CheckSignatureFrom(b.AttestationRoot()); err != nil {
			return err
		}
		signer = leaf.PublicKey.(*ecdsa.PublicKey)
	}
	if attestation == AttestU2F {
		message = slices.Concat([]byte{0}, made.rpIDHash, clientDataHash[:], made.id, []byte{4}, x, y)
	} else if alg, _ := statement.int(name("alg")); alg != ES256 {
		return fmt.Errorf("algorithm %d", alg)
	}
	if attestation == AttestPacked && !bytes.Equal(made.aaguid, AAGUID[:]) {
		return fmt.Errorf("AAGUID %x", made.aaguid)
	}
	sig, _ := statement.bytes(name("sig"))
	if !verifySignature(t, ES256, signer, message, sig) {
		return fmt.Errorf("attestation signature")
	}
	return nil
}

func honestAssertion(t *testing.T, b *bench, made parsedAuthData, body []byte) error {
	raw := b.member(body, 2).data
	if err := honestAuthData(raw, FlagUserPresent|FlagUserVerified); err != nil {
		return err
	}
	if data := b.authData(body, 2); data.counter == 0 {
		return fmt.Errorf("counter %d", data.counter)
	}
	message := slices.Concat(raw, clientDataHash[:])
	if !verifySignature(t, ES256, ecdsaKey(t, made.key), message, b.member(body, 3).data) {
		return fmt.Errorf("assertion signature")
	}
	return nil
}

// honestAuthData checks what is alike in both, and that the data ends where it says.
func honestAuthData(raw []byte, flags byte) error {
	want := sha256.Sum256([]byte(rpID))
	if !bytes.Equal(raw[:32], want[:]) || raw[32] != flags {
		return fmt.Errorf("RP ID or flags %02x", raw[32])
	}
	rest := raw[37:]
	if flags&FlagAttestedData != 0 {
		n := int(rest[16])<<8 | int(rest[17])
		if 18+n > len(rest) {
			return fmt.Errorf("credential id of %d bytes", n)
		}
		r := reader{rest: rest[18+n:]}
		if _, ok := r.item(0); !ok {
			return fmt.Errorf("credential key")
		}
		rest = r.rest
	}
	if len(rest) > 0 {
		return fmt.Errorf("%d bytes left", len(rest))
	}
	return nil
}
