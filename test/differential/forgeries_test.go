package differential

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"bestow.dev/ctap/softkey"
)

// forgedCeremonies are the software key's own forgeries, all of which are well signed
// unless their name says otherwise.
func forgedCeremonies(t testing.TB, a *authenticator) []*ceremony {
	t.Helper()
	var all []*ceremony
	for _, f := range softkey.Forgeries(a.attestation) {
		if f.Registration {
			all = append(all, a.register(t, f.Name, clientData("webauthn.create"), f.Forge))
		}
		if f.Assertion {
			all = append(all, a.signIn(t, f.Name, clientData("webauthn.get"), f.Forge))
		}
	}
	return all
}

// clientDataChanges are client data that the authenticator signs for nevertheless. %T
// stands for the type and %C for the challenge.
var clientDataChanges = map[string]string{
	"member of another ceremony's type":  `{"type":"webauthn.other","challenge":"%C","origin":"https://login.example.com"}`,
	"unknown members":                    `{"type":"%T","challenge":"%C","origin":"https://login.example.com","crossOrigin":false,"x":[1,{"y":null}]}`,
	"no crossOrigin":                     `{"type":"%T","challenge":"%C","origin":"https://login.example.com"}`,
	"crossOrigin of null":                `{"type":"%T","challenge":"%C","origin":"https://login.example.com","crossOrigin":null}`,
	"crossOrigin of text":                `{"type":"%T","challenge":"%C","origin":"https://login.example.com","crossOrigin":"false"}`,
	"crossOrigin":                        `{"type":"%T","challenge":"%C","origin":"https://login.example.com","crossOrigin":true}`,
	"topOrigin without crossOrigin":      `{"type":"%T","challenge":"%C","origin":"https://login.example.com","crossOrigin":false,"topOrigin":"https://login.example.com"}`,
	"empty topOrigin":                    `{"type":"%T","challenge":"%C","origin":"https://login.example.com","topOrigin":""}`,
	"origin twice, the last one good":    `{"type":"%T","challenge":"%C","origin":"https://evil.example","origin":"https://login.example.com"}`,
	"origin twice, the first one good":   `{"type":"%T","challenge":"%C","origin":"https://login.example.com","origin":"https://evil.example"}`,
	"members in capitals":                `{"Type":"%T","Challenge":"%C","Origin":"https://login.example.com"}`,
	"origin in capitals overrides":       `{"type":"%T","challenge":"%C","origin":"https://evil.example","ORIGIN":"https://login.example.com"}`,
	"origin with default port":           `{"type":"%T","challenge":"%C","origin":"https://login.example.com:443"}`,
	"origin with other port":             `{"type":"%T","challenge":"%C","origin":"https://login.example.com:8443"}`,
	"origin with path":                   `{"type":"%T","challenge":"%C","origin":"https://login.example.com/path"}`,
	"origin with slash":                  `{"type":"%T","challenge":"%C","origin":"https://login.example.com/"}`,
	"origin with query":                  `{"type":"%T","challenge":"%C","origin":"https://login.example.com?q"}`,
	"origin with user":                   `{"type":"%T","challenge":"%C","origin":"https://evil@login.example.com"}`,
	"origin in other case":               `{"type":"%T","challenge":"%C","origin":"HTTPS://Login.Example.com"}`,
	"origin with escapes":                `{"type":"%T","challenge":"%C","origin":"https:\/\/login.example.com"}`,
	"origin of http":                     `{"type":"%T","challenge":"%C","origin":"http://login.example.com"}`,
	"origin of subdomain":                `{"type":"%T","challenge":"%C","origin":"https://a.login.example.com"}`,
	"origin with suffix":                 `{"type":"%T","challenge":"%C","origin":"https://login.example.com.evil.example"}`,
	"challenge with padding":             `{"type":"%T","challenge":"%C=","origin":"https://login.example.com"}`,
	"challenge cut short":                `{"type":"%T","challenge":"YQ","origin":"https://login.example.com"}`,
	"challenge empty":                    `{"type":"%T","challenge":"","origin":"https://login.example.com"}`,
	"no challenge":                       `{"type":"%T","origin":"https://login.example.com"}`,
	"no origin":                          `{"type":"%T","challenge":"%C"}`,
	"text after the object":              `{"type":"%T","challenge":"%C","origin":"https://login.example.com"}{}`,
	"white space around":                 " \n{\"type\":\"%T\" , \"challenge\":\"%C\",\"origin\":\"https://login.example.com\"}\n ",
	"byte order mark":                    "\ufeff" + `{"type":"%T","challenge":"%C","origin":"https://login.example.com"}`,
	"no UTF-8 in an unknown member":      `{"type":"%T","challenge":"%C","origin":"https://login.example.com","x":"` + "\xff" + `"}`,
	"lone surrogate in unknown member":   `{"type":"%T","challenge":"%C","origin":"https://login.example.com","x":"\ud800"}`,
	"array":                              `[]`,
	"null":                               `null`,
	"empty":                              ``,
	"deep nesting in an unknown member":  `{"type":"%T","challenge":"%C","origin":"https://login.example.com","x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`,
	"too long":                           `{"type":"%T","challenge":"%C","origin":"https://login.example.com","x":"` + strings.Repeat("x", 100<<10) + `"}`,
	"tokenBinding as in Level 2":         `{"type":"%T","challenge":"%C","origin":"https://login.example.com","tokenBinding":{"status":"supported"}}`,
	"tokenBinding without status":        `{"type":"%T","challenge":"%C","origin":"https://login.example.com","tokenBinding":{}}`,
	"tokenBinding of unknown status":     `{"type":"%T","challenge":"%C","origin":"https://login.example.com","tokenBinding":{"status":"x"}}`,
	"tokenBinding of another JSON type":  `{"type":"%T","challenge":"%C","origin":"https://login.example.com","tokenBinding":"x"}`,
	"type with escapes":                  `{"type":"\u0077ebauthn.create","challenge":"%C","origin":"https://login.example.com"}`,
	"other type of the same ceremony":    `{"type":"webauthn.Create","challenge":"%C","origin":"https://login.example.com"}`,
	"crossOrigin twice, the last untrue": `{"type":"%T","challenge":"%C","origin":"https://login.example.com","crossOrigin":true,"crossOrigin":false}`,
}

func clientDataCeremonies(t testing.TB, a *authenticator) []*ceremony {
	t.Helper()
	var all []*ceremony
	for _, name := range sorted(clientDataChanges) {
		fill := func(kind string) []byte {
			return []byte(strings.NewReplacer("%T", kind, "%C", b64(challenge)).Replace(clientDataChanges[name]))
		}
		all = append(all,
			a.register(t, "client data: "+name, fill("webauthn.create"), softkey.Forge{}),
			a.signIn(t, "client data: "+name, fill("webauthn.get"), softkey.Forge{}))
	}
	return all
}

// bodyChanges are made to the JSON text of good responses.
var bodyChanges = map[string]func(text string, c *ceremony) string{
	"white space around":       func(s string, _ *ceremony) string { return " \n" + s + "\n" },
	"text after":               func(s string, _ *ceremony) string { return s + "x" },
	"object after":             func(s string, _ *ceremony) string { return s + "{}" },
	"byte order mark":          func(s string, _ *ceremony) string { return "\ufeff" + s },
	"unknown member":           func(s string, _ *ceremony) string { return `{"x":1,` + s[1:] },
	"type twice":               func(s string, _ *ceremony) string { return `{"type":"x",` + s[1:] },
	"response in capitals too": func(s string, _ *ceremony) string { return strings.TrimSuffix(s, "}") + `,"RESPONSE":{}}` },
	"type in capitals":         replace(`"type":`, `"TYPE":`),
	"other type":               replace(`"public-key"`, `"public-Key"`),
	"no type":                  replace(`"type":"public-key"`, `"x":1`),
	"no clientExtensionResults": func(s string, _ *ceremony) string {
		return strings.Replace(s, `"clientExtensionResults":{},`, "", 1)
	},
	"clientExtensionResults of null":  replace(`"clientExtensionResults":{}`, `"clientExtensionResults":null`),
	"clientExtensionResults is array": replace(`"clientExtensionResults":{}`, `"clientExtensionResults":[]`),
	"unknown extension":               replace(`"clientExtensionResults":{}`, `"clientExtensionResults":{"x":true}`),
	"credProps":                       replace(`"clientExtensionResults":{}`, `"clientExtensionResults":{"credProps":{"rk":true}}`),
	"credProps of text":               replace(`"clientExtensionResults":{}`, `"clientExtensionResults":{"credProps":"x"}`),
	"appid nobody asked for":          replace(`"clientExtensionResults":{}`, `"clientExtensionResults":{"appid":true}`),
	"appid of text":                   replace(`"clientExtensionResults":{}`, `"clientExtensionResults":{"appid":"x"}`),
	"unknown attachment":              func(s string, _ *ceremony) string { return `{"authenticatorAttachment":"x",` + s[1:] },
	"attachment of another type":      func(s string, _ *ceremony) string { return `{"authenticatorAttachment":1,` + s[1:] },
	"padding of rawId":                swapID("rawId", func(id []byte) string { return b64(id) + "==" }),
	"padding of id":                   swapID("id", func(id []byte) string { return b64(id) + "==" }),
	"other rawId":                     swapID("rawId", func([]byte) string { return "YWJj" }),
	"other id":                        swapID("id", func([]byte) string { return "YWJj" }),
	"no rawId":                        swapID("rawId", func([]byte) string { return "" }),
	"newline in rawId":                swapID("rawId", func(id []byte) string { return b64(id)[:4] + `\n` + b64(id)[4:] }),
	"trailing bits in id and rawId": func(s string, c *ceremony) string {
		good := c.members["rawId"].(string)
		bits := []int{0, 0, 4, 2}[len(good)%4]
		if bits == 0 {
			return s
		}
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		last := strings.IndexByte(alphabet, good[len(good)-1])
		return strings.ReplaceAll(s, `"`+good+`"`, `"`+good[:len(good)-1]+alphabet[last|1:last|1+1]+`"`)
	},
	"user handle of null":        swapMember("userHandle", `null`),
	"empty user handle":          swapMember("userHandle", `""`),
	"another's user handle":      swapMember("userHandle", `"YWJj"`),
	"user handle of a number":    swapMember("userHandle", `1`),
	"transports of null":         swapMember("transports", `null`),
	"transports of text":         swapMember("transports", `"usb"`),
	"unknown transport":          swapMember("transports", `["x"]`),
	"signature of null":          swapMember("signature", `null`),
	"empty signature":            swapMember("signature", `""`),
	"authenticatorData is null":  swapMember("authenticatorData", `null`),
	"attestationObject is empty": swapMember("attestationObject", `""`),
	"client data is null":        swapMember("clientDataJSON", `null`),
	"null":                       func(string, *ceremony) string { return "null" },
	"array":                      func(s string, _ *ceremony) string { return "[" + s + "]" },
}

func replace(old, new string) func(string, *ceremony) string {
	return func(s string, _ *ceremony) string { return strings.Replace(s, old, new, 1) }
}

func swapID(member string, value func(id []byte) string) func(string, *ceremony) string {
	return func(s string, c *ceremony) string {
		good := c.members["rawId"].(string)
		id, err := decode(good)
		if err != nil {
			panic(err)
		}
		return strings.Replace(s, `"`+member+`":"`+good+`"`, `"`+member+`":"`+value(id)+`"`, 1)
	}
}

func swapMember(member, value string) func(string, *ceremony) string {
	return func(s string, _ *ceremony) string {
		start := strings.Index(s, `"`+member+`":`)
		if start < 0 {
			return s
		}
		start += len(member) + 3
		end := start + strings.IndexAny(s[start+1:], `"]`) + 2
		return s[:start] + value + s[end:]
	}
}

// bodyCeremonies have a good ceremony's text changed, known before and not.
func bodyCeremonies(t testing.TB, a *authenticator) []*ceremony {
	t.Helper()
	var all []*ceremony
	add := func(good *ceremony) {
		for _, name := range sorted(bodyChanges) {
			c := good.clone()
			c.raw = []byte(bodyChanges[name](string(good.body(t)), good))
			if bytes.Equal(c.raw, good.body(t)) {
				continue
			}
			c.name += name
			all = append(all, c)
		}
	}
	add(a.register(t, "body: ", clientData("webauthn.create"), softkey.Forge{}))
	signIn := a.signIn(t, "body: ", clientData("webauthn.get"), softkey.Forge{})
	add(signIn)
	unknown := signIn.clone()
	unknown.allowed = nil
	unknown.name += "user not known before, "
	add(unknown)
	return append(all, unknown)
}

// encodingCeremonies encode what is good in other ways than the canonical one.
func encodingCeremonies(t testing.TB, a *authenticator) []*ceremony {
	t.Helper()
	client := clientData("webauthn.create")
	made := a.create(t, client, softkey.Forge{})
	format, statement, authData := text(made.Format), made.Statement, bytesItem(made.AuthData)
	objects := map[string][]byte{
		"keys in another order":    join([]byte{0xa3}, text("authData"), authData, text("fmt"), format, text("attStmt"), statement),
		"indefinite length":        join([]byte{0xbf}, text("fmt"), format, text("attStmt"), statement, text("authData"), authData, []byte{0xff}),
		"length longer than it is": join([]byte{0xb8, 3}, text("fmt"), format, text("attStmt"), statement, text("authData"), authData),
		"format twice":             join([]byte{0xa4}, text("fmt"), format, text("fmt"), text("none"), text("attStmt"), statement, text("authData"), authData),
		"unknown member":           join([]byte{0xa4}, text("x"), text("y"), text("fmt"), format, text("attStmt"), statement, text("authData"), authData),
		"byte after":               join([]byte{0xa3}, text("fmt"), format, text("attStmt"), statement, text("authData"), authData, []byte{0}),
		"tagged":                   join([]byte{0xd9, 0xd9, 0xf7, 0xa3}, text("fmt"), format, text("attStmt"), statement, text("authData"), authData),
		"names in capitals":        join([]byte{0xa3}, text("FMT"), format, text("ATTSTMT"), statement, text("AUTHDATA"), authData),
		"format in capitals":       join([]byte{0xa3}, text("fmt"), text(strings.ToUpper(made.Format)), text("attStmt"), statement, text("authData"), authData),
		"unknown format":           join([]byte{0xa3}, text("fmt"), text("x"), text("attStmt"), statement, text("authData"), authData),
		"no statement":             join([]byte{0xa2}, text("fmt"), format, text("authData"), authData),
		"statement of null":        join([]byte{0xa3}, text("fmt"), format, text("attStmt"), []byte{0xf6}, text("authData"), authData),
		"format none":              join([]byte{0xa3}, text("fmt"), text("none"), text("attStmt"), []byte{0xa0}, text("authData"), authData),
		"format none, no map":      join([]byte{0xa3}, text("fmt"), text("none"), text("attStmt"), []byte{0x80}, text("authData"), authData),
		"format none, null":        join([]byte{0xa3}, text("fmt"), text("none"), text("attStmt"), []byte{0xf6}, text("authData"), authData),
		"format none, statement":   join([]byte{0xa3}, text("fmt"), text("none"), text("attStmt"), []byte{0xa1, 0x61, 0x78, 1}, text("authData"), authData),
	}
	var all []*ceremony
	for _, name := range sorted(objects) {
		all = append(all, a.registration("object: "+name, client, made.AuthData, objects[name]))
	}

	// The same inside what is signed.
	signed := map[string]func(*softkey.AuthData){
		"key: member in addition": func(d *softkey.AuthData) { d.PublicKey = wider(d.PublicKey, 0x20+10, 0) },
		"key: key_ops": func(d *softkey.AuthData) {
			d.PublicKey[0]++
			d.PublicKey = join(d.PublicKey[:1], d.PublicKey[1:5], []byte{4, 0x81, 2}, d.PublicKey[5:])
		},
		"key: type and alg reversed":      func(d *softkey.AuthData) { k := d.PublicKey; d.PublicKey = join(k[:1], k[3:5], k[1:3], k[5:]) },
		"key: indefinite length":          func(d *softkey.AuthData) { d.PublicKey = join([]byte{0xbf}, d.PublicKey[1:], []byte{0xff}) },
		"key: a number too long":          func(d *softkey.AuthData) { d.PublicKey = join(d.PublicKey[:2], []byte{0x18}, d.PublicKey[2:]) },
		"key: of another algorithm":       func(d *softkey.AuthData) { d.PublicKey[4] = 0x29 },
		"reserved bits of the flags":      func(d *softkey.AuthData) { d.Flags |= 0x22 },
		"eligible for backup":             func(d *softkey.AuthData) { d.Flags |= 0x08 },
		"backed up":                       func(d *softkey.AuthData) { d.Flags |= 0x18 },
		"extensions: empty":               extensions(0xa0),
		"extensions: unknown":             extensions(0xa1, 0x61, 0x78, 0xf5),
		"extensions: no map":              extensions(0x80),
		"extensions: null":                extensions(0xf6),
		"extensions: named by a number":   extensions(0xa1, 1, 1),
		"extensions: twice":               extensions(0xa2, 0x61, 0x78, 1, 0x61, 0x78, 1),
		"extensions: not canonical":       extensions(0xa2, 0x61, 0x79, 1, 0x61, 0x78, 1),
		"extensions: credProtect of 9":    extensions(join([]byte{0xa1}, text("credProtect"), []byte{9})...),
		"extensions: credProtect of text": extensions(join([]byte{0xa1}, text("credProtect"), text("x"))...),
		"extensions: byte after":          extensions(0xa0, 0),
		"empty credential ID": func(d *softkey.AuthData) {
			if d.CredentialID != nil {
				d.CredentialID = []byte{}
			}
		},
		"AAGUID of zeros":    func(d *softkey.AuthData) { d.AAGUID = [16]byte{} },
		"counter of zero":    func(d *softkey.AuthData) { d.SignCount = 0 },
		"counter at its end": func(d *softkey.AuthData) { d.SignCount = 1<<32 - 1 },
	}
	for _, name := range sorted(signed) {
		spoil := signed[name]
		forge := softkey.Forge{AuthData: func(d *softkey.AuthData) {
			if len(d.PublicKey) > 0 || !strings.HasPrefix(name, "key:") {
				spoil(d)
			}
		}}
		all = append(all, a.register(t, "signed: "+name, client, forge))
		if !strings.HasPrefix(name, "key:") {
			all = append(all, a.signIn(t, "signed: "+name, clientData("webauthn.get"), forge))
		}
	}
	return all
}

// wider adds a member at the end of a small map.
func wider(m []byte, key, value byte) []byte {
	return join([]byte{m[0] + 1}, m[1:], []byte{key, value})
}

func extensions(item ...byte) func(*softkey.AuthData) {
	return func(d *softkey.AuthData) { d.Flags |= softkey.FlagExtensionData; d.Extensions = item }
}

// modelExtension is id-fido-gen-ce-aaguid.
func modelExtension(critical bool, value ...byte) pkix.Extension {
	return pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}, Critical: critical, Value: value}
}

// certificateChanges are made to packed attestation certificates before they are issued.
var certificateChanges = map[string]func(*x509.Certificate){
	"good":                  func(*x509.Certificate) {},
	"no country":            func(c *x509.Certificate) { c.Subject.Country = nil },
	"country in lower case": func(c *x509.Certificate) { c.Subject.Country = []string{"se"} },
	"country nobody has":    func(c *x509.Certificate) { c.Subject.Country = []string{"ZZ"} },
	"country of three":      func(c *x509.Certificate) { c.Subject.Country = []string{"SWE"} },
	"two countries":         func(c *x509.Certificate) { c.Subject.Country = []string{"SE", "FI"} },
	"no organization":       func(c *x509.Certificate) { c.Subject.Organization = nil },
	"two organizations":     func(c *x509.Certificate) { c.Subject.Organization = []string{"A", "B"} },
	"other unit":            func(c *x509.Certificate) { c.Subject.OrganizationalUnit = []string{"Attestation"} },
	"unit in two parts":     func(c *x509.Certificate) { c.Subject.OrganizationalUnit = []string{"Authenticator", "Attestation"} },
	"no common name":        func(c *x509.Certificate) { c.Subject.CommonName = "" },
	"of a CA":               func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign },
	"no basic constraints":  func(c *x509.Certificate) { c.BasicConstraintsValid = false },
	"critical extension": func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
	},
	"model": func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{modelExtension(false, append([]byte{4, 16}, softkey.AAGUID[:]...)...)}
	},
	"model, critical": func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{modelExtension(true, append([]byte{4, 16}, softkey.AAGUID[:]...)...)}
	},
	"other model": func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{modelExtension(false, append([]byte{4, 16}, make([]byte, 16)...)...)}
	},
	"model not wrapped": func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{modelExtension(false, softkey.AAGUID[:]...)}
	},
	"model empty": func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{modelExtension(false, 4, 0)} },
	"model with byte after": func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{modelExtension(false, join([]byte{4, 16}, softkey.AAGUID[:], []byte{0})...)}
	},
	"firmware of another type": func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 5}, Value: []byte{5, 0}}}
	},
	"firmware, critical": func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 5}, Critical: true, Value: []byte{2, 1, 1}}}
	},
	"no longer valid": func(c *x509.Certificate) { c.NotAfter = made.AddDate(-1, 0, 0) },
	"not yet valid":   func(c *x509.Certificate) { c.NotBefore = made.AddDate(200, 0, 0); c.NotAfter = made.AddDate(300, 0, 0) },
}

// certificateCeremonies attest with certificates of their own, in format packed.
func certificateCeremonies(t testing.TB, a *authenticator) []*ceremony {
	t.Helper()
	client := clientData("webauthn.create")
	authData := a.create(t, client, softkey.Forge{}).AuthData
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(append(bytes.Clone(authData), hash[:]...))
	p256, p384 := newKey(t, elliptic.P256()), newKey(t, elliptic.P384())

	var all []*ceremony
	add := func(name string, key *ecdsa.PrivateKey, certs ...[]byte) {
		sig, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		x5c := head(4, len(certs))
		for _, der := range certs {
			x5c = append(x5c, bytesItem(der)...)
		}
		statement := join([]byte{0xa3}, text("alg"), []byte{0x26}, text("sig"), bytesItem(sig), text("x5c"), x5c)
		all = append(all, a.registration("certificate: "+name, client, authData, object("packed", statement, authData)))
	}
	var good []byte
	for _, name := range sorted(certificateChanges) {
		template := attestationTemplate()
		certificateChanges[name](template)
		der := issue(t, template, p256)
		add(name, p256, der)
		if name == "good" {
			good = der
		}
	}
	add("none at all", p256)
	add("second one malformed", p256, good, []byte{1, 2, 3})
	add("nine of them", p256, good, good, good, good, good, good, good, good, good)
	add("ES256 with a key on P-384", p384, issue(t, attestationTemplate(), p384))
	return all
}

// attestationTemplate is a certificate as §8.2.1 wants it.
func attestationTemplate() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(7),
		Subject: pkix.Name{
			Country: []string{"SE"}, Organization: []string{"Example Keys"},
			OrganizationalUnit: []string{"Authenticator Attestation"}, CommonName: "Example Key Batch 7",
		},
		NotBefore: made.AddDate(-2, 0, 0), NotAfter: made.Add(20 * 365 * 24 * time.Hour),
		BasicConstraintsValid: true,
	}
}

func newKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func issue(t testing.TB, template *x509.Certificate, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(fmt.Errorf("%v: %w", template.Subject, err))
	}
	return der
}
