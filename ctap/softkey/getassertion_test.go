package softkey

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"
	"time"

	"bestow.dev/ctap"
)

// One row for each check of CTAP 2.1 §6.2.2, in its order.
func TestGetAssertionChecks(t *testing.T) {
	const cmd = ctap.CommandGetAssertion
	always := func(c *Config) { c.AlwaysUV = true }
	type spoil = func(b *bench, r request)
	set := func(key int64, value []byte) spoil { return func(_ *bench, r request) { r[key] = value } }
	drop := func(key int64) spoil { return func(_ *bench, r request) { delete(r, key) } }
	withToken := func(p ctap.Permission, rpID string) spoil {
		return func(b *bench, r request) { r.authorise(cmd, 2, b.tokenFor(2, p, rpID)) }
	}
	good := withToken(ctap.PermissionGetAssertion, rpID)

	tests := []struct {
		name   string
		config func(*Config)
		pin    bool
		spoil  []spoil
		want   ctap.Status
		touch  int
	}{
		{name: "no PIN: fulfilled", touch: 1},
		{name: "members: no RP ID", spoil: []spoil{drop(1)}, want: ctap.StatusMissingParameter},
		{name: "members: no hash", spoil: []spoil{drop(2)}, want: ctap.StatusMissingParameter},
		{name: "members: RP ID is bytes", spoil: []spoil{set(1, cborBytes(nil))}, want: ctap.StatusCBORUnexpectedType},
		{name: "members: allowed is no map", spoil: []spoil{set(3, cborArray(cborInt(1)))}, want: ctap.StatusCBORUnexpectedType},
		{name: "members: extensions are text", spoil: []spoil{set(4, cborText("x"))}, want: ctap.StatusCBORUnexpectedType},
		{name: "members: hmac-secret is true", spoil: []spoil{set(4, cborMap(named("hmac-secret", cborBool(true))))}, want: ctap.StatusCBORUnexpectedType},
		{name: "members: hmac-secret without salts", spoil: []spoil{set(4, cborMap(named("hmac-secret", cborMap(at(1, cborMap())))))}, want: ctap.StatusMissingParameter},
		{name: "step 1: empty param", spoil: []spoil{set(6, cborBytes(nil)), set(7, cborInt(2))}, want: ctap.StatusPINNotSet, touch: 1},
		{name: "step 2: unknown protocol", spoil: []spoil{set(6, cborBytes([]byte("x"))), set(7, cborInt(0))}, want: ctap.StatusInvalidParameter},
		{name: "step 2: no protocol", spoil: []spoil{set(6, cborBytes([]byte("x")))}, want: ctap.StatusMissingParameter},
		{name: "step 4: uv", spoil: []spoil{set(5, cborMap(named("uv", cborBool(true))))}, want: ctap.StatusInvalidOption},
		{name: "step 4: rk", spoil: []spoil{set(5, cborMap(named("rk", cborBool(false))))}, want: ctap.StatusUnsupportedOption},
		{name: "step 4: up false", spoil: []spoil{set(5, cborMap(named("up", cborBool(false))))}},
		{name: "step 5: always verified, no PIN", config: always, want: ctap.StatusPUATRequired},
		{name: "step 5: always verified, no PIN, param", config: always, spoil: []spoil{set(6, cborBytes([]byte("x"))), set(7, cborInt(2))}, want: ctap.StatusPUATRequired},
		{name: "step 5: always verified, no token", config: always, pin: true, want: ctap.StatusPUATRequired},
		{name: "step 5: always verified, silently", config: always, pin: true, spoil: []spoil{set(5, cborMap(named("up", cborBool(false))))}},
		{name: "step 6: token", pin: true, spoil: []spoil{good}, touch: 1},
		{name: "step 6: wrong param", pin: true, spoil: []spoil{good, set(6, cborBytes(make([]byte, 32)))}, want: ctap.StatusPINAuthInvalid},
		{name: "step 6: without permission", pin: true, spoil: []spoil{withToken(ctap.PermissionMakeCredential, rpID)}, want: ctap.StatusPINAuthInvalid},
		{name: "step 6: for another site", pin: true, spoil: []spoil{withToken(ctap.PermissionGetAssertion, "other.example")}, want: ctap.StatusPINAuthInvalid},
		{name: "step 7: none", spoil: []spoil{set(1, cborText("other.example"))}, want: ctap.StatusNoCredentials},
		{name: "step 7: foreign list", spoil: []spoil{set(3, cborArray(descriptorOf([]byte("foreign"))))}, want: ctap.StatusNoCredentials},
		{name: "step 7: list of another type", spoil: []spoil{set(3, cborArray(cborMap(named("id", cborBytes([]byte("x"))), named("type", cborText("other")))))}, want: ctap.StatusNoCredentials},
		{name: "step 7: empty list counts as none", spoil: []spoil{set(3, cborArray())}, touch: 1},
		{name: "step 9: declined", spoil: []spoil{func(b *bench, _ request) {
			b.finger = func(context.Context, Request) error { return errors.New("no") }
		}}, want: ctap.StatusOperationDenied, touch: 1},
		{name: "step 10: hmac-secret without a touch", spoil: []spoil{
			set(5, cborMap(named("up", cborBool(false)))),
			set(4, cborMap(named("hmac-secret", cborMap(at(1, cborMap()), at(2, cborBytes(nil)), at(3, cborBytes(nil)))))),
		}, want: ctap.StatusUnsupportedOption},
		{name: "step 10: hmac-secret with a bad key", spoil: []spoil{
			set(4, cborMap(named("hmac-secret", cborMap(at(1, cborMap()), at(2, cborBytes(nil)), at(3, cborBytes(nil)))))),
		}, want: ctap.StatusInvalidParameter, touch: 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			b.create(resident)
			if test.config != nil {
				test.config(&b.Key.config)
			}
			if test.pin {
				b.setPIN(goodPIN)
			}
			b.touches = nil
			r := goodAssertion()
			for _, spoil := range test.spoil {
				spoil(b, r)
			}
			got, _ := b.do(cmd, r)
			wantStatus(t, "status", got, test.want)
			if len(b.touches) != test.touch {
				t.Errorf("%d touches, want %d", len(b.touches), test.touch)
			}
		})
	}
}

// Which credentials are found, by level, list and verification (CTAP 2.1 §12.1).
func TestCredProtect(t *testing.T) {
	tests := []struct {
		level            int64
		listed, verified bool
		want             bool
	}{
		{1, false, false, true},
		{1, true, false, true},
		{2, false, false, false},
		{2, true, false, true},
		{2, false, true, true},
		{3, false, false, false},
		{3, true, false, false},
		{3, false, true, true},
		{3, true, true, true},
	}
	for _, test := range tests {
		b := newBench(t)
		b.setPIN(goodPIN)
		id := b.create(func(r request) {
			resident(r)
			r[6] = cborMap(named("credProtect", cborInt(test.level)))
		})
		r := goodAssertion()
		if test.listed {
			r[3] = cborArray(descriptorOf(id))
		}
		if test.verified {
			r.authorise(ctap.CommandGetAssertion, 2, b.token(2, ctap.PermissionGetAssertion))
		}
		want := ctap.StatusOK
		if !test.want {
			want = ctap.StatusNoCredentials
		}
		status, _ := b.do(ctap.CommandGetAssertion, r)
		if status != want {
			t.Errorf("%+v: %s", test, status)
		}
	}
}

func TestAssertionVerifies(t *testing.T) {
	for _, keep := range []bool{true, false} {
		b := newBench(t)
		r := goodCreation()
		if keep {
			resident(r)
		}
		_, body := b.do(ctap.CommandMakeCredential, r)
		made := b.authData(body, 2)
		public := ecdsaKey(t, made.key)

		use := goodAssertion()
		use[3] = cborArray(descriptorOf([]byte("foreign")), descriptorOf(made.id))
		last := made.counter
		for range 3 {
			status, body := b.do(ctap.CommandGetAssertion, use)
			wantStatus(t, "getAssertion", status, ctap.StatusOK)
			data := b.authData(body, 2)
			digest := sha256.Sum256(slices.Concat(data.raw, clientDataHash[:]))
			if !ecdsa.VerifyASN1(public, digest[:], b.member(body, 3).data) {
				t.Error("signature does not verify")
			}
			if data.flags != FlagUserPresent {
				t.Errorf("flags %02x", data.flags)
			}
			if data.counter <= last {
				t.Errorf("counter %d after %d", data.counter, last)
			}
			last = data.counter
			if b.has(body, 4) != keep || b.has(body, 5) {
				t.Errorf("user %v, number %v", b.has(body, 4), b.has(body, 5))
			}
			b.reopen() // counters survive
		}
	}
}

// ecdsaKey reads a COSE key on P-256.
func ecdsaKey(t testing.TB, key item) *ecdsa.PublicKey {
	t.Helper()
	p := &params{pairs: key.pairs}
	x, _ := p.bytes(num(-2))
	y, _ := p.bytes(num(-3))
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
	if err != nil {
		t.Fatal(err)
	}
	return public
}

func TestGetNextAssertion(t *testing.T) {
	next := []byte{byte(ctap.CommandGetNextAssertion)}
	make3 := func(t *testing.T) (*bench, []byte) {
		b := newBench(t)
		b.setPIN(goodPIN)
		for _, user := range []string{"one", "two", "three"} {
			b.create(func(r request) {
				resident(r)
				r[3] = cborMap(named("id", cborBytes([]byte(user))), named("name", cborText(user)), named("displayName", cborText("D "+user)))
			})
		}
		r := goodAssertion().authorise(ctap.CommandGetAssertion, 2, b.token(2, ctap.PermissionGetAssertion))
		status, body := b.do(ctap.CommandGetAssertion, r)
		wantStatus(t, "getAssertion", status, ctap.StatusOK)
		return b, body
	}
	user := func(b *bench, body []byte) (id, shown string) {
		p := &params{pairs: b.member(body, 4).pairs}
		raw, _ := p.bytes(name("id"))
		shown, _ = p.text(name("name"))
		if display, _ := p.text(name("displayName")); shown != "" && display != "D "+shown || shown == "" && display != "" {
			b.t.Errorf("name %q, display name %q", shown, display)
		}
		return string(raw), shown
	}

	t.Run("newest first", func(t *testing.T) {
		b, body := make3(t)
		if n := b.member(body, 5).n; n != 3 {
			t.Errorf("number %d", n)
		}
		for i, want := range []string{"three", "two", "one"} {
			if i > 0 {
				b.now = b.now.Add(30 * time.Second)
				var status ctap.Status
				status, body = b.send(next)
				wantStatus(t, "next", status, ctap.StatusOK)
				if b.has(body, 5) {
					t.Error("number in a further assertion")
				}
			}
			if id, name := user(b, body); id != want || name != want {
				t.Errorf("user %q %q, want %q", id, name, want)
			}
			if flags := b.authData(body, 2).flags; flags != FlagUserPresent|FlagUserVerified {
				t.Errorf("flags %02x", flags)
			}
		}
		status, _ := b.send(next)
		wantStatus(t, "after the last", status, ctap.StatusNotAllowed)
	})
	t.Run("too late", func(t *testing.T) {
		b, _ := make3(t)
		b.now = b.now.Add(30*time.Second + 1)
		status, _ := b.send(next)
		wantStatus(t, "next", status, ctap.StatusNotAllowed)
	})
	t.Run("another command between", func(t *testing.T) {
		b, _ := make3(t)
		b.send([]byte{byte(ctap.CommandGetInfo)})
		status, _ := b.send(next)
		wantStatus(t, "next", status, ctap.StatusNotAllowed)
	})
	t.Run("nothing before", func(t *testing.T) {
		b := newBench(t)
		status, _ := b.send(next)
		wantStatus(t, "next", status, ctap.StatusNotAllowed)
	})
	t.Run("one account: no name, no number", func(t *testing.T) {
		b := newBench(t)
		b.setPIN(goodPIN)
		b.create(resident)
		r := goodAssertion().authorise(ctap.CommandGetAssertion, 2, b.token(2, ctap.PermissionGetAssertion))
		_, body := b.do(ctap.CommandGetAssertion, r)
		if id, name := user(b, body); id != "user-1" || name != "" || b.has(body, 5) {
			t.Errorf("user %q %q, number %v", id, name, b.has(body, 5))
		}
	})
	t.Run("with a list: one, and no number", func(t *testing.T) {
		b, body := make3(t)
		first := func(body []byte) []byte {
			id, _ := (&params{pairs: b.member(body, 1).pairs}).bytes(name("id"))
			return id
		}
		ids := [][]byte{first(body)}
		_, body = b.send(next)
		ids = append(ids, first(body))
		r := goodAssertion()
		r[3] = cborArray(descriptorOf(ids[1]), descriptorOf(ids[0]))
		status, body := b.do(ctap.CommandGetAssertion, r)
		wantStatus(t, "getAssertion", status, ctap.StatusOK)
		if b.has(body, 5) || !bytes.Equal(first(body), ids[1]) {
			t.Errorf("number %v, credential %x", b.has(body, 5), first(body))
		}
		status, _ = b.send(next)
		wantStatus(t, "next", status, ctap.StatusNotAllowed)
	})
	t.Run("unverified: no names", func(t *testing.T) {
		b, _ := make3(t)
		_, body := b.do(ctap.CommandGetAssertion, goodAssertion())
		if id, name := user(b, body); id != "three" || name != "" {
			t.Errorf("user %q %q", id, name)
		}
	})
}

// A silent question uses nothing up and sets no bit (CTAP 2.1 §6.2.2 step 9).
func TestSilentAssertion(t *testing.T) {
	b := newBench(t)
	b.setPIN(goodPIN)
	id := b.create(nil)
	token := b.token(2, ctap.PermissionGetAssertion|ctap.PermissionMakeCredential)
	r := goodAssertion().authorise(ctap.CommandGetAssertion, 2, token)
	r[3] = cborArray(descriptorOf(id))
	r[5] = cborMap(named("up", cborBool(false)))
	b.touches = nil
	status, body := b.do(ctap.CommandGetAssertion, r)
	wantStatus(t, "silent", status, ctap.StatusOK)
	if data := b.authData(body, 2); data.flags != FlagUserVerified || len(b.touches) != 0 {
		t.Errorf("flags %02x, %d touches", data.flags, len(b.touches))
	}
	status, _ = b.do(ctap.CommandMakeCredential, goodCreation().authorise(ctap.CommandMakeCredential, 2, token))
	wantStatus(t, "makeCredential with the same token", status, ctap.StatusOK)
}

// Ids of a credential that is not discoverable are good for one site and one life of
// the key.
func TestWrappedCredentialIDs(t *testing.T) {
	b := newBench(t)
	id := b.create(nil)
	use := goodAssertion()
	use[3] = cborArray(descriptorOf(id))
	status, _ := b.do(ctap.CommandGetAssertion, use)
	wantStatus(t, "ours", status, ctap.StatusOK)

	for i := range id {
		spoilt := bytes.Clone(id)
		spoilt[i] ^= 0x10
		if b.state.find(spoilt, rpID) != nil {
			t.Fatalf("byte %d can be changed", i)
		}
	}
	if b.state.find(id, "other.example") != nil {
		t.Error("good for another site")
	}
	other := newBench(t)
	status, _ = other.do(ctap.CommandGetAssertion, use)
	wantStatus(t, "another key", status, ctap.StatusNoCredentials)

	status, _ = b.send([]byte{byte(ctap.CommandReset)})
	wantStatus(t, "reset", status, ctap.StatusOK)
	status, _ = b.do(ctap.CommandGetAssertion, use)
	wantStatus(t, "after reset", status, ctap.StatusNoCredentials)
}
