package softkey

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// attestedCase is one attestation of a credential key on P-256 or of RSA, read by hand.
type attestedCase struct {
	b         *bench
	t         testing.TB
	statement item
	alg       int64 // of the credential
	public    crypto.PublicKey
	message   []byte // what is attested
}

// formatChecks hold a statement against its format, and against what an honest key
// says in it, with the standard library alone.
var formatChecks = map[Attestation]func(attestedCase) error{
	AttestAndroidKey: attestedCase.androidKey,
	AttestApple:      attestedCase.apple,
	AttestSafetyNet:  attestedCase.safetyNet,
	AttestCompound:   attestedCase.compound,
	AttestTPM:        attestedCase.tpm,
	AttestTPMRSA:     attestedCase.tpm,
}

// members returns the statement's members, if they are these.
func (c attestedCase) members(want ...string) (*params, error) {
	var got []string
	for _, p := range c.statement.pairs {
		got = append(got, string(p.key.data))
	}
	if !slices.Equal(got, want) {
		return nil, fmt.Errorf("members %q, want %q", got, want)
	}
	return &params{pairs: c.statement.pairs}, nil
}

// leaf returns the one certificate, which the key's root has signed.
func (c attestedCase) leaf(der []byte) (*x509.Certificate, error) {
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if leaf.IsCA || c.b.now.Before(leaf.NotBefore) || c.b.now.After(leaf.NotAfter) {
		return nil, errors.New("certificate is a CA's, or not valid")
	}
	return leaf, leaf.CheckSignatureFrom(c.b.AttestationRoot())
}

func (c attestedCase) onlyLeaf(p *params) (*x509.Certificate, error) {
	chain, _ := p.typed(name("x5c"), majorArray)
	if len(chain.list) != 1 {
		return nil, fmt.Errorf("%d certificates", len(chain.list))
	}
	return c.leaf(chain.list[0].data)
}

// certifiedFor returns the value of an extension of a certificate for the credential key.
func (c attestedCase) certifiedFor(leaf *x509.Certificate, id string) ([]byte, error) {
	if !leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool }).Equal(c.public) {
		return nil, errors.New("certificate for another key")
	}
	i := slices.IndexFunc(leaf.Extensions, func(e pkix.Extension) bool { return e.Id.String() == id })
	if i < 0 {
		return nil, fmt.Errorf("no extension %s", id)
	}
	return leaf.Extensions[i].Value, nil
}

func (c attestedCase) androidKey() error {
	p, err := c.members("alg", "sig", "x5c")
	if err != nil {
		return err
	}
	leaf, err := c.onlyLeaf(p)
	if err != nil {
		return err
	}
	alg, _ := p.int(name("alg"))
	sig, _ := p.bytes(name("sig"))
	if alg != c.alg || !verifySignature(c.t, alg, leaf.PublicKey, c.message, sig) {
		return errors.New("signature")
	}
	value, err := c.certifiedFor(leaf, "1.3.6.1.4.1.11129.2.1.17")
	if err != nil {
		return err
	}
	// Every byte of what a trusted environment says of a key for signing that it made:
	// versions and levels, challenge, no unique id, and two lists of authorizations.
	want := strings.Join([]string{
		"3065", "0202012c", "0a0101", "0202012c", "0a0101", "0420", hex.EncodeToString(clientDataHash[:]), "0400",
		"3016", "bf853d06" + "02045f5e1000", "bf854508" + "0406426573746f77",
		"3019", "a105" + "3103020102", "a203" + "020103", "bf837702" + "0500", "bf853e03" + "020100",
	}, "")
	if got := hex.EncodeToString(value); got != want {
		return fmt.Errorf("key description %s, want %s", got, want)
	}
	return nil
}

func (c attestedCase) apple() error {
	p, err := c.members("x5c")
	if err != nil {
		return err
	}
	leaf, err := c.onlyLeaf(p)
	if err != nil {
		return err
	}
	value, err := c.certifiedFor(leaf, "1.2.840.113635.100.8.2")
	if err != nil {
		return err
	}
	nonce := sha256.Sum256(c.message)
	if want := append([]byte{0x30, 0x24, 0xA1, 0x22, 0x04, 0x20}, nonce[:]...); !bytes.Equal(value, want) {
		return fmt.Errorf("nonce %x, want %x", value, want)
	}
	return nil
}

func (c attestedCase) safetyNet() error {
	p, err := c.members("ver", "response")
	if err != nil {
		return err
	}
	version, _ := p.text(name("ver"))
	response, _ := p.bytes(name("response"))
	parts := strings.Split(string(response), ".")
	if version == "" || len(parts) != 3 {
		return fmt.Errorf("version %q, %d parts", version, len(parts))
	}
	var decoded [3][]byte
	for i, part := range parts {
		if decoded[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			return err
		}
	}
	var header struct {
		Alg  string
		Crit any
		X5C  [][]byte
	}
	if err := json.Unmarshal(decoded[0], &header); err != nil {
		return err
	}
	if header.Alg != "ES256" || header.Crit != nil || len(header.X5C) != 1 {
		return fmt.Errorf("header %s", decoded[0])
	}
	leaf, err := c.leaf(header.X5C[0])
	if err != nil {
		return err
	}
	if err := leaf.VerifyHostname("attest.android.com"); err != nil {
		return err
	}
	sig, err := asn1.Marshal(struct{ R, S *big.Int }{
		new(big.Int).SetBytes(decoded[2][:32]), new(big.Int).SetBytes(decoded[2][32:]),
	})
	if err != nil {
		return err
	}
	if !verifySignature(c.t, ES256, leaf.PublicKey, []byte(parts[0]+"."+parts[1]), sig) {
		return errors.New("signature")
	}
	var payload struct {
		Nonce                           []byte
		TimestampMs                     int64
		CtsProfileMatch, BasicIntegrity bool
	}
	if err := json.Unmarshal(decoded[1], &payload); err != nil {
		return err
	}
	nonce := sha256.Sum256(c.message)
	if !bytes.Equal(payload.Nonce, nonce[:]) || payload.TimestampMs != c.b.now.UnixMilli() || !payload.CtsProfileMatch || !payload.BasicIntegrity {
		return fmt.Errorf("payload %s", decoded[1])
	}
	return nil
}

// compound is packed with the batch certificate, and android-key.
func (c attestedCase) compound() error {
	parts := c.statement.list
	if len(parts) != 2 {
		return fmt.Errorf("%d parts", len(parts))
	}
	for i, format := range []string{"packed", "android-key"} {
		part := &params{pairs: parts[i].pairs}
		if got, _ := part.text(name("fmt")); got != format || len(part.pairs) != 2 {
			return fmt.Errorf("part %d of format %q", i, got)
		}
	}
	inner, _ := (&params{pairs: parts[1].pairs}).find(name("attStmt"))
	android := c
	android.statement = inner
	if err := android.androidKey(); err != nil {
		return fmt.Errorf("android-key: %w", err)
	}
	batch := c
	batch.statement, _ = (&params{pairs: parts[0].pairs}).find(name("attStmt"))
	p, err := batch.members("alg", "sig", "x5c")
	if err != nil {
		return err
	}
	leaf, err := batch.onlyLeaf(p)
	if err != nil {
		return err
	}
	if sig, _ := p.bytes(name("sig")); !verifySignature(c.t, ES256, leaf.PublicKey, c.message, sig) {
		return errors.New("packed: signature")
	}
	return nil
}

// Known encodings: lengths and tags around the places where their form changes.
func TestDER(t *testing.T) {
	long := bytes.Repeat([]byte{7}, 256)
	tests := []struct {
		got, want []byte
	}{
		{derNumber(derInteger, 0), []byte{2, 1, 0}},
		{derNumber(derInteger, 127), []byte{2, 1, 0x7F}},
		{derNumber(derInteger, 128), []byte{2, 2, 0, 0x80}},
		{derNumber(derEnumerated, 300), []byte{0x0A, 2, 1, 0x2C}},
		{derNumber(derInteger, 1<<32-1), []byte{2, 5, 0, 0xFF, 0xFF, 0xFF, 0xFF}},
		{der(derOctets, long[:127])[:2], []byte{4, 0x7F}},
		{der(derOctets, long[:128])[:3], []byte{4, 0x81, 0x80}},
		{der(derOctets, long)[:4], []byte{4, 0x82, 1, 0}},
		{derExplicit(30, nil), []byte{0xBE, 0}},
		{derExplicit(31, nil), []byte{0xBF, 31, 0}},
		{derExplicit(600, der(derNull)), []byte{0xBF, 0x84, 0x58, 2, 5, 0}},
		{derExplicit(702, nil), []byte{0xBF, 0x85, 0x3E, 0}},
		{derExplicit(1<<14, nil), []byte{0xBF, 0x81, 0x80, 0, 0}},
	}
	for _, test := range tests {
		if !bytes.Equal(test.got, test.want) {
			t.Errorf("%x, want %x", test.got, test.want)
		}
	}
}
