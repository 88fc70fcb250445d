package softkey

import (
	"bytes"
	"context"
	"crypto/sha256"
	"testing"
	"time"

	"bestow.dev/ctap"
)

// cheap is a cost for tests.
var cheap = Cost{Passes: 1, MemoryKiB: 64, Lanes: 1}

const (
	rpID       = "login.example.com"
	goodPIN    = "1234"
	passphrase = "correct horse"
)

var clientDataHash = sha256.Sum256([]byte("client data"))

// A bench is a key with a clock, a finger and a place for its state.
type bench struct {
	*Key
	t       testing.TB
	now     time.Time
	finger  func(context.Context, Request) error
	touches []Request
	alive   []ctap.KeepAlive
	saved   [][]byte
	saveErr error
}

func newBench(t testing.TB, change ...func(*Config)) *bench {
	t.Helper()
	b := &bench{t: t, now: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), finger: AlwaysPresent}
	c := b.config()
	for _, f := range change {
		f(&c)
	}
	key, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	b.Key = key
	return b
}

func (b *bench) config() Config {
	return Config{
		Passphrase: []byte(passphrase),
		Cost:       cheap,
		Save: func(sealed []byte) error {
			if b.saveErr != nil {
				return b.saveErr
			}
			b.saved = append(b.saved, bytes.Clone(sealed))
			return nil
		},
		UserPresence: func(ctx context.Context, r Request) error {
			b.touches = append(b.touches, r)
			return b.finger(ctx, r)
		},
		Now: func() time.Time { return b.now },
	}
}

// reopen opens what was saved last, as after a crash.
func (b *bench) reopen() {
	b.t.Helper()
	key, err := Open(b.saved[len(b.saved)-1], []byte(passphrase), b.config())
	if err != nil {
		b.t.Fatal(err)
	}
	b.Key = key
}

func (b *bench) setPIN(pin string) {
	b.t.Helper()
	if err := ctap.SetPIN(b.t.Context(), b, ctap.PINProtocolTwo, []byte(pin), 4); err != nil {
		b.t.Fatal(err)
	}
}

// token gets a token for the good PIN.
func (b *bench) token(proto ctap.PINProtocol, p ctap.Permission) []byte {
	b.t.Helper()
	return b.tokenFor(proto, p, rpID)
}

func (b *bench) tokenFor(proto ctap.PINProtocol, p ctap.Permission, rpID string) []byte {
	b.t.Helper()
	r := ctap.TokenRequest{Protocol: proto, Permissions: p, RPID: rpID}
	token, err := ctap.GetTokenUsingPIN(b.t.Context(), b, r, []byte(goodPIN))
	if err != nil {
		b.t.Fatal(err)
	}
	return token
}

// A request maps member keys to encoded values.
type request map[int64][]byte

func (r request) encode(cmd ctap.Command) []byte {
	var members []member
	for key, value := range r {
		members = append(members, at(key, value))
	}
	return append([]byte{byte(cmd)}, cborMap(members...)...)
}

// send sends raw bytes and returns status and body.
func (b *bench) send(raw []byte) (ctap.Status, []byte) {
	b.t.Helper()
	answer, err := b.Exchange(b.t.Context(), raw, func(k ctap.KeepAlive) { b.alive = append(b.alive, k) })
	if err != nil {
		b.t.Fatal(err)
	}
	if len(answer) == 0 {
		b.t.Fatal("empty answer")
	}
	return ctap.Status(answer[0]), answer[1:]
}

func (b *bench) do(cmd ctap.Command, r request) (ctap.Status, []byte) {
	b.t.Helper()
	return b.send(r.encode(cmd))
}

// goodCreation is a request that a key without a PIN fulfils.
func goodCreation() request {
	return request{
		1: cborBytes(clientDataHash[:]),
		2: cborMap(named("id", cborText(rpID)), named("name", cborText("Example"))),
		3: cborMap(named("id", cborBytes([]byte("user-1"))), named("name", cborText("alice")), named("displayName", cborText("Alice"))),
		4: cborArray(offer(ES256)),
	}
}

func offer(alg int64) []byte {
	return cborMap(named("alg", cborInt(alg)), named("type", cborText("public-key")))
}

func descriptorOf(id []byte) []byte {
	return cborMap(named("id", cborBytes(id)), named("type", cborText("public-key")))
}

// goodAssertion is a request for whatever discoverable credential there is.
func goodAssertion() request {
	return request{1: cborText(rpID), 2: cborBytes(clientDataHash[:])}
}

// authorise puts the members that authenticate a request into r.
func (r request) authorise(cmd ctap.Command, proto ctap.PINProtocol, token []byte) request {
	first := int64(8)
	if cmd == ctap.CommandGetAssertion {
		first = 6
	}
	r[first] = cborBytes(proto.Authenticate(token, clientDataHash[:]))
	r[first+1] = cborInt(int64(proto))
	return r
}

// create makes a credential and returns its id.
func (b *bench) create(change func(request)) []byte {
	b.t.Helper()
	r := goodCreation()
	if b.state.PIN != nil {
		r.authorise(ctap.CommandMakeCredential, 2, b.token(2, ctap.PermissionMakeCredential))
	}
	if change != nil {
		change(r)
	}
	status, body := b.do(ctap.CommandMakeCredential, r)
	if status != ctap.StatusOK {
		b.t.Fatalf("create: %s", status)
	}
	return b.authData(body, 2).id
}

func resident(r request) { r[7] = cborMap(named("rk", cborBool(true))) }

// parsedAuthData is authenticator data, read by hand.
type parsedAuthData struct {
	raw        []byte
	rpIDHash   []byte
	flags      byte
	counter    uint32
	aaguid     []byte
	id         []byte
	key        item
	extensions item
}

// authData reads the authenticator data in an answer's member.
func (b *bench) authData(body []byte, key int64) parsedAuthData {
	b.t.Helper()
	raw := b.member(body, key).data
	p := parsedAuthData{raw: raw, rpIDHash: raw[:32], flags: raw[32]}
	p.counter = uint32(raw[33])<<24 | uint32(raw[34])<<16 | uint32(raw[35])<<8 | uint32(raw[36])
	r := reader{rest: raw[37:]}
	if p.flags&FlagAttestedData != 0 {
		p.aaguid = r.rest[:16]
		n := int(r.rest[16])<<8 | int(r.rest[17])
		p.id = r.rest[18 : 18+n]
		r.rest = r.rest[18+n:]
		p.key = b.next(&r)
	}
	if p.flags&FlagExtensionData != 0 {
		p.extensions = b.next(&r)
	}
	if len(r.rest) > 0 {
		b.t.Fatalf("%d bytes after the authenticator data", len(r.rest))
	}
	return p
}

func (b *bench) next(r *reader) item {
	b.t.Helper()
	it, ok := r.item(0)
	if !ok {
		b.t.Fatal("no canonical CBOR")
	}
	return it
}

// member returns a member of an answer; its zero value if there is none. A compound
// attestation nests two levels deeper than the four of CTAP 2.1 §8, and one within
// another four.
func (b *bench) member(body []byte, key int64) item {
	b.t.Helper()
	r := reader{rest: body}
	answer, ok := r.item(-4)
	if !ok || len(r.rest) > 0 {
		b.t.Fatalf("answer %x: no canonical CBOR", body)
	}
	p := &params{pairs: answer.pairs}
	it, _ := p.find(num(key))
	return it
}

// has reports whether an answer has a member.
func (b *bench) has(body []byte, key int64) bool {
	b.t.Helper()
	return b.member(body, key).raw != nil
}

func wantStatus(t testing.TB, what string, got, want ctap.Status) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}
