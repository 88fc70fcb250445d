package softkey

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"bestow.dev/ctap"
)

// A platform is the other half of a key agreement, made with the arithmetic of this
// package so that requests can be spoilt at will.
type platform struct {
	sharedKeys
	public []byte
}

func (b *bench) platform(proto protocol) platform {
	b.t.Helper()
	status, body := b.do(ctap.CommandClientPIN, request{1: cborInt(int64(proto)), 2: cborInt(subGetKeyAgreement)})
	wantStatus(b.t, "getKeyAgreement", status, ctap.StatusOK)
	own, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		b.t.Fatal(err)
	}
	shared, ok := proto.decapsulate(own, &params{pairs: b.member(body, 1).pairs})
	if !ok {
		b.t.Fatal("key agreement key is not good")
	}
	return platform{shared, coseKeyAgreement(own.PublicKey())}
}

func padded(pin string) []byte { return append([]byte(pin), make([]byte, max(64-len(pin), 0))...) }

func (b *bench) setRequest(proto protocol, plain []byte) request {
	pf := b.platform(proto)
	sealed := pf.encrypt(plain)
	return request{
		1: cborInt(int64(proto)), 2: cborInt(subSetPIN), 3: pf.public,
		4: cborBytes(proto.mac(pf.macKey, sealed)), 5: cborBytes(sealed),
	}
}

func (b *bench) changeRequest(proto protocol, old string, plain []byte) request {
	pf := b.platform(proto)
	sealed, hashEnc := pf.encrypt(plain), pf.encrypt(pinHashOf(old))
	return request{
		1: cborInt(int64(proto)), 2: cborInt(subChangePIN), 3: pf.public,
		4: cborBytes(proto.mac(pf.macKey, append(bytes.Clone(sealed), hashEnc...))),
		5: cborBytes(sealed), 6: cborBytes(hashEnc),
	}
}

func (b *bench) tokenRequest(proto protocol, pin string) request {
	pf := b.platform(proto)
	return request{
		1: cborInt(int64(proto)), 2: cborInt(subGetTokenByPIN), 3: pf.public,
		6: cborBytes(pf.encrypt(pinHashOf(pin))), 9: cborInt(3), 0x0A: cborText(rpID),
	}
}

// plainTokenRequest is for a token without permissions.
func (b *bench) plainTokenRequest(proto protocol, pin string) request {
	r := b.tokenRequest(proto, pin)
	r[2] = cborInt(subGetPINToken)
	delete(r, 9)
	delete(r, 0x0A)
	return r
}

func pinHashOf(pin string) []byte {
	sum := sha256.Sum256([]byte(pin))
	return sum[:16]
}

// One row for each check of CTAP 2.1 §6.5.5.
func TestClientPINChecks(t *testing.T) {
	const plain, old = "5678", goodPIN
	type build = func(b *bench, p protocol) request
	set := func(p []byte) build { return func(b *bench, proto protocol) request { return b.setRequest(proto, p) } }
	change := func(pin string, p []byte) build {
		return func(b *bench, proto protocol) request { return b.changeRequest(proto, pin, p) }
	}
	token := func(pin string) build {
		return func(b *bench, proto protocol) request { return b.tokenRequest(proto, pin) }
	}
	plainToken := func(pin string) build {
		return func(b *bench, proto protocol) request { return b.plainTokenRequest(proto, pin) }
	}
	with := func(f build, key int64, value []byte) build {
		return func(b *bench, proto protocol) request {
			r := f(b, proto)
			if value == nil {
				delete(r, key)
			} else {
				r[key] = value
			}
			return r
		}
	}
	offCurve := cborMap(at(1, cborInt(2)), at(3, cborInt(-25)), at(-1, cborInt(1)), at(-2, cborBytes(make([]byte, 32))), at(-3, cborBytes(make([]byte, 32))))
	byUV := func(p int64) build {
		return func(b *bench, proto protocol) request {
			r := b.tokenRequest(proto, old)
			r[2], r[9] = cborInt(subGetTokenByUV), cborInt(p)
			return r
		}
	}
	cut := func(b *bench, proto protocol) request { // no whole block, with a good param
		pf := b.platform(proto)
		sealed := pf.encrypt(padded(plain))[1:]
		return request{
			1: cborInt(int64(proto)), 2: cborInt(subSetPIN), 3: pf.public,
			4: cborBytes(proto.mac(pf.macKey, sealed)), 5: cborBytes(sealed),
		}
	}
	bare := func(members request) build { return func(*bench, protocol) request { return members } }

	tests := []struct {
		name  string
		pin   bool
		build build
		want  ctap.Status
	}{
		{"no subcommand", false, bare(request{1: cborInt(2)}), ctap.StatusMissingParameter},
		{"unknown subcommand", false, bare(request{2: cborInt(0x63)}), ctap.StatusInvalidSubcommand},
		{"getUVRetries without built-in verification", false, bare(request{2: cborInt(7)}), ctap.StatusInvalidSubcommand},
		{"subcommand is text", false, bare(request{2: cborText("1")}), ctap.StatusCBORUnexpectedType},
		{"getPINRetries", false, bare(request{2: cborInt(1)}), ctap.StatusOK},
		{"getKeyAgreement: no protocol", false, bare(request{2: cborInt(2)}), ctap.StatusMissingParameter},
		{"getKeyAgreement: unknown protocol", false, bare(request{1: cborInt(3), 2: cborInt(2)}), ctap.StatusInvalidParameter},

		{"setPIN", false, set(padded(plain)), ctap.StatusOK},
		{"setPIN: no key", false, with(set(padded(plain)), 3, nil), ctap.StatusMissingParameter},
		{"setPIN: no param", false, with(set(padded(plain)), 4, nil), ctap.StatusMissingParameter},
		{"setPIN: no PIN", false, with(set(padded(plain)), 5, nil), ctap.StatusMissingParameter},
		{"setPIN: missing comes before the protocol", false, with(with(set(padded(plain)), 5, nil), 1, cborInt(9)), ctap.StatusMissingParameter},
		{"setPIN: there is one", true, set(padded(plain)), ctap.StatusPINAuthInvalid},
		{"setPIN: there is one, before the key is looked at", true, with(set(padded(plain)), 3, offCurve), ctap.StatusPINAuthInvalid},
		{"setPIN: point off the curve", false, with(set(padded(plain)), 3, offCurve), ctap.StatusInvalidParameter},
		{"setPIN: wrong param", false, with(set(padded(plain)), 4, cborBytes(make([]byte, 32))), ctap.StatusPINAuthInvalid},
		{"setPIN: does not decrypt", false, cut, ctap.StatusPINAuthInvalid},
		{"setPIN: 48 bytes", false, set(padded(plain)[:48]), ctap.StatusInvalidParameter},
		{"setPIN: 80 bytes", false, set(make([]byte, 80)), ctap.StatusInvalidParameter},
		{"setPIN: three code points", false, set(padded("äöü")), ctap.StatusPINPolicyViolation},
		{"setPIN: four code points", false, set(padded("äöüß")), ctap.StatusOK},
		{"setPIN: empty", false, set(padded("")), ctap.StatusPINPolicyViolation},
		{"setPIN: 63 bytes", false, set(padded(string(bytes.Repeat([]byte("x"), 63)))), ctap.StatusOK},
		{"setPIN: 64 bytes of PIN", false, set(bytes.Repeat([]byte("x"), 64)), ctap.StatusPINPolicyViolation},
		{"setPIN: no UTF-8", false, set(padded("\xff\xff\xff\xff")), ctap.StatusPINPolicyViolation},

		{"changePIN", true, change(old, padded(plain)), ctap.StatusOK},
		{"changePIN: no PIN yet", false, change(old, padded(plain)), ctap.StatusPINNotSet},
		{"changePIN: no hash", true, with(change(old, padded(plain)), 6, nil), ctap.StatusMissingParameter},
		{"changePIN: wrong param", true, with(change(old, padded(plain)), 4, cborBytes(make([]byte, 32))), ctap.StatusPINAuthInvalid},
		{"changePIN: wrong PIN", true, change("0000", padded(plain)), ctap.StatusPINInvalid},
		{"changePIN: new one too short", true, change(old, padded("123")), ctap.StatusPINPolicyViolation},
		{"changePIN: wrong PIN comes before the new one", true, change("0000", padded("123")), ctap.StatusPINInvalid},

		{"getPinToken", true, plainToken(old), ctap.StatusOK},
		{"getPinToken: no PIN yet", false, plainToken(old), ctap.StatusPINNotSet},
		{"getPinToken: permissions", true, with(plainToken(old), 9, cborInt(1)), ctap.StatusInvalidParameter},
		{"getPinToken: permissions 0", true, with(plainToken(old), 9, cborInt(0)), ctap.StatusInvalidParameter},
		{"getPinToken: RP ID", true, with(plainToken(old), 0x0A, cborText(rpID)), ctap.StatusInvalidParameter},
		{"getPinToken: no hash", true, with(plainToken(old), 6, nil), ctap.StatusMissingParameter},
		{"getPinToken: wrong PIN", true, plainToken("0000"), ctap.StatusPINInvalid},
		{"getPinToken: point off the curve", true, with(plainToken(old), 3, offCurve), ctap.StatusInvalidParameter},
		{"getPinToken: hash of no block", true, with(plainToken(old), 6, cborBytes([]byte("x"))), ctap.StatusPINInvalid},

		{"token by PIN", true, token(old), ctap.StatusOK},
		{"token by PIN: no PIN yet", false, token(old), ctap.StatusPINNotSet},
		{"token by PIN: no permissions", true, with(token(old), 9, nil), ctap.StatusMissingParameter},
		{"token by PIN: permissions 0", true, with(token(old), 9, cborInt(0)), ctap.StatusInvalidParameter},
		{"token by PIN: permissions 0 comes before no PIN", false, with(token(old), 9, cborInt(0)), ctap.StatusInvalidParameter},
		{"token by PIN: be", true, with(token(old), 9, cborInt(0x08)), ctap.StatusUnauthorizedPermission},
		{"token by PIN: lbw", true, with(token(old), 9, cborInt(0x13)), ctap.StatusUnauthorizedPermission},
		{"token by PIN: acfg", true, with(token(old), 9, cborInt(0x20)), ctap.StatusUnauthorizedPermission},
		{"token by PIN: undefined bit", true, with(token(old), 9, cborInt(0x103)), ctap.StatusOK},
		{"token by PIN: mc without RP ID", true, with(token(old), 0x0A, nil), ctap.StatusMissingParameter},
		{"token by PIN: cm without RP ID", true, with(with(token(old), 0x0A, nil), 9, cborInt(4)), ctap.StatusOK},
		{"token by PIN: wrong PIN", true, token("0000"), ctap.StatusPINInvalid},

		{"token by UV: permissions 0", true, byUV(0), ctap.StatusInvalidParameter},
		{"token by UV: be", true, byUV(8), ctap.StatusUnauthorizedPermission},
		{"token by UV: no built-in verification", true, byUV(3), ctap.StatusNotAllowed},
	}
	for _, proto := range protocols {
		for _, test := range tests {
			b := newBench(t)
			if test.pin {
				b.setPIN(goodPIN)
			}
			got, _ := b.do(ctap.CommandClientPIN, test.build(b, proto))
			if got != test.want {
				t.Errorf("protocol %d, %s: %s, want %s", proto, test.name, got, test.want)
			}
		}
	}
}

func (b *bench) retries() (left int, powerCycle bool) {
	b.t.Helper()
	r, err := ctap.GetPINRetries(b.t.Context(), b)
	if err != nil {
		b.t.Fatal(err)
	}
	return r.Left, r.PowerCycle
}

// Eight wrong PINs block the key; after each three it wants to be taken out.
func TestPINBlocks(t *testing.T) {
	for _, proto := range protocols {
		b := newBench(t)
		b.setPIN(goodPIN)
		wrong := func() ctap.Status {
			status, _ := b.do(ctap.CommandClientPIN, b.tokenRequest(proto, "0000"))
			return status
		}
		left := 8
		for left > 0 {
			want := ctap.StatusPINInvalid
			if left == 6 || left == 3 {
				want = ctap.StatusPINAuthBlocked
			}
			if left--; left == 0 {
				want = ctap.StatusPINBlocked
			}
			wantStatus(t, "wrong PIN", wrong(), want)
			if got, _ := b.retries(); got != left {
				t.Fatalf("%d left, want %d", got, left)
			}
			if want != ctap.StatusPINAuthBlocked {
				continue
			}
			// A blocked key looks at no PIN, right or wrong.
			status, _ := b.do(ctap.CommandClientPIN, b.tokenRequest(proto, goodPIN))
			wantStatus(t, "right PIN while blocked", status, ctap.StatusPINAuthBlocked)
			if got, cycle := b.retries(); got != left || !cycle {
				t.Errorf("%d left, power cycle %v", got, cycle)
			}
			b.PowerCycle()
			if _, cycle := b.retries(); cycle {
				t.Error("still wants to be taken out")
			}
		}
		for _, again := range []func(){b.PowerCycle, b.reopen} {
			again()
			status, _ := b.do(ctap.CommandClientPIN, b.tokenRequest(proto, goodPIN))
			wantStatus(t, "right PIN after eight", status, ctap.StatusPINBlocked)
			status, _ = b.do(ctap.CommandClientPIN, b.changeRequest(proto, goodPIN, padded("5678")))
			wantStatus(t, "changePIN after eight", status, ctap.StatusPINBlocked)
		}
		status, _ := b.send([]byte{byte(ctap.CommandReset)})
		wantStatus(t, "reset", status, ctap.StatusOK)
		if got, _ := b.retries(); got != 8 {
			t.Errorf("%d left after reset", got)
		}
	}
}

// A right PIN gives the attempts back, and a wrong one changes the key agreement key.
func TestPINRetries(t *testing.T) {
	b := newBench(t)
	b.setPIN(goodPIN)
	r := b.tokenRequest(2, "0000")
	status, _ := b.do(ctap.CommandClientPIN, r)
	wantStatus(t, "wrong", status, ctap.StatusPINInvalid)
	good := r
	good[6] = b.tokenRequest(2, goodPIN)[6] // encrypted for another agreement
	status, _ = b.do(ctap.CommandClientPIN, good)
	wantStatus(t, "old agreement", status, ctap.StatusPINInvalid)
	if left, _ := b.retries(); left != 6 {
		t.Errorf("%d left", left)
	}
	status, _ = b.do(ctap.CommandClientPIN, b.tokenRequest(2, goodPIN))
	wantStatus(t, "right", status, ctap.StatusOK)
	if left, _ := b.retries(); left != 8 {
		t.Errorf("%d left", left)
	}
}

// An attempt is spent before the answer is known, and in what is saved; a key that
// cannot save does not compare.
func TestAttemptIsSavedFirst(t *testing.T) {
	b := newBench(t)
	b.setPIN(goodPIN)
	before := len(b.saved)
	b.do(ctap.CommandClientPIN, b.tokenRequest(2, goodPIN))
	if len(b.saved) != before+2 {
		t.Fatalf("saved %d times, want twice", len(b.saved)-before)
	}
	// Killed between the two.
	b.saved = b.saved[:before+1]
	b.reopen()
	if left, _ := b.retries(); left != 7 {
		t.Errorf("%d left, want 7", left)
	}

	b.saveErr = errors.New("disk full")
	for _, pin := range []string{goodPIN, "0000"} {
		raw := b.tokenRequest(2, pin).encode(ctap.CommandClientPIN)
		answer, err := b.Exchange(t.Context(), raw, nil)
		if answer != nil || !errors.Is(err, b.saveErr) {
			t.Errorf("PIN %q: %x, %v; want the error of Save and no answer", pin, answer, err)
		}
	}
	b.saveErr = nil
	if left, _ := b.retries(); left != 7 {
		t.Errorf("%d left, want 7", left)
	}
}

func TestNothingIsAnsweredUnsaved(t *testing.T) {
	b := newBench(t)
	id := b.create(nil)
	b.saveErr = errors.New("disk full")
	use := goodAssertion()
	use[3] = cborArray(descriptorOf(id))
	keep := goodCreation()
	resident(keep)
	for name, raw := range map[string][]byte{
		"getAssertion":   use.encode(ctap.CommandGetAssertion),
		"makeCredential": keep.encode(ctap.CommandMakeCredential),
		"reset":          {byte(ctap.CommandReset)},
		"setPIN":         b.setRequest(2, padded(goodPIN)).encode(ctap.CommandClientPIN),
	} {
		answer, err := b.Exchange(t.Context(), raw, nil)
		if answer != nil || !errors.Is(err, b.saveErr) {
			t.Errorf("%s: %x, %v", name, answer, err)
		}
	}
	b.saveErr = nil
	if b.state.PIN != nil || len(b.state.Credentials) != 0 || b.state.Counter != 0 || b.state.find(id, rpID) == nil {
		t.Error("what was not saved happened all the same")
	}
	b.saveErr = errors.New("disk full")
	if _, err := New(b.config()); !errors.Is(err, b.saveErr) {
		t.Errorf("New: %v", err)
	}
}

// Timers of tokens (CTAP 2.1 §6.5.2.1).
func TestTokenTimers(t *testing.T) {
	silent := func(token []byte) request {
		r := goodAssertion().authorise(ctap.CommandGetAssertion, 2, token)
		r[5] = cborMap(named("up", cborBool(false)))
		return r
	}
	tests := []struct {
		name  string
		waits []time.Duration // before each use
		want  ctap.Status     // of the last
	}{
		{"in time", []time.Duration{30 * time.Second}, ctap.StatusOK},
		{"not used for too long", []time.Duration{30*time.Second + 1}, ctap.StatusPINAuthInvalid},
		{"used, and later again", []time.Duration{time.Second, 599 * time.Second}, ctap.StatusOK},
		{"used, and too late again", []time.Duration{time.Second, 599*time.Second + 1}, ctap.StatusPINAuthInvalid},
	}
	for _, test := range tests {
		b := newBench(t)
		b.setPIN(goodPIN)
		b.create(resident)
		token := b.token(2, ctap.PermissionGetAssertion)
		var got ctap.Status
		for _, wait := range test.waits {
			b.now = b.now.Add(wait)
			got, _ = b.do(ctap.CommandGetAssertion, silent(token))
		}
		wantStatus(t, test.name, got, test.want)
	}
}

// Issuing a token, changing the PIN, taking the key out and a reset end all others.
func TestTokensEnd(t *testing.T) {
	ends := map[string]func(b *bench){
		"another token":   func(b *bench) { b.token(1, ctap.PermissionGetAssertion) },
		"changePIN":       func(b *bench) { b.do(ctap.CommandClientPIN, b.changeRequest(2, goodPIN, padded("5678"))) },
		"taken out":       func(b *bench) { b.PowerCycle() },
		"opened anew":     func(b *bench) { b.reopen() },
		"nothing happens": func(*bench) {},
	}
	for name, end := range ends {
		b := newBench(t)
		b.setPIN(goodPIN)
		b.create(resident)
		token := b.token(2, ctap.PermissionGetAssertion)
		end(b)
		got, _ := b.do(ctap.CommandGetAssertion, goodAssertion().authorise(ctap.CommandGetAssertion, 2, token))
		want := ctap.StatusPINAuthInvalid
		if name == "nothing happens" {
			want = ctap.StatusOK
		}
		wantStatus(t, name, got, want)
	}
}

// A token without permissions serves the site it meets first.
func TestPlainTokenBinds(t *testing.T) {
	b := newBench(t)
	b.setPIN(goodPIN)
	b.create(resident)
	token, err := ctap.GetPINToken(t.Context(), b, ctap.TokenRequest{Protocol: 1}, []byte(goodPIN))
	if err != nil {
		t.Fatal(err)
	}
	r := goodAssertion().authorise(ctap.CommandGetAssertion, 1, token)
	r[5] = cborMap(named("up", cborBool(false)))
	got, _ := b.do(ctap.CommandGetAssertion, r)
	wantStatus(t, "first site", got, ctap.StatusOK)
	r[1] = cborText("other.example")
	got, _ = b.do(ctap.CommandGetAssertion, r)
	wantStatus(t, "second site", got, ctap.StatusPINAuthInvalid)
}

func TestForcedPINChange(t *testing.T) {
	b := newBench(t)
	b.setPIN(goodPIN)
	if err := b.RequirePINChange(); err != nil {
		t.Fatal(err)
	}
	b.reopen()
	got, _ := b.do(ctap.CommandClientPIN, b.tokenRequest(2, goodPIN))
	wantStatus(t, "token", got, ctap.StatusPINInvalid)
	got, _ = b.do(ctap.CommandClientPIN, b.plainTokenRequest(2, goodPIN))
	wantStatus(t, "token without permissions", got, ctap.StatusPINInvalid)
	if left, _ := b.retries(); left != 8 {
		t.Errorf("%d left: the PIN was right", left)
	}
	got, _ = b.do(ctap.CommandClientPIN, b.changeRequest(2, goodPIN, padded(goodPIN)))
	wantStatus(t, "same PIN", got, ctap.StatusPINPolicyViolation)
	got, _ = b.do(ctap.CommandClientPIN, b.changeRequest(2, goodPIN, padded("5678")))
	wantStatus(t, "other PIN", got, ctap.StatusOK)
	got, _ = b.do(ctap.CommandClientPIN, b.tokenRequest(2, "5678"))
	wantStatus(t, "token", got, ctap.StatusOK)
}
