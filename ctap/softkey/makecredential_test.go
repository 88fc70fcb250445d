package softkey

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"

	"bestow.dev/ctap"
)

// One row for each check of CTAP 2.1 §6.1.2, in its order. Each row starts from a
// request that is fulfilled, and spoils one thing.
func TestMakeCredentialChecks(t *testing.T) {
	const cmd = ctap.CommandMakeCredential
	always := func(c *Config) { c.AlwaysUV = true }
	strict := func(c *Config) { c.RequireUVToCreate = true }
	type spoil = func(b *bench, r request)
	set := func(key int64, value []byte) spoil { return func(_ *bench, r request) { r[key] = value } }
	drop := func(key int64) spoil { return func(_ *bench, r request) { delete(r, key) } }
	options := func(members ...member) spoil { return set(7, cborMap(members...)) }
	withToken := func(proto ctap.PINProtocol, p ctap.Permission, rpID string) spoil {
		return func(b *bench, r request) { r.authorise(cmd, proto, b.tokenFor(proto, p, rpID)) }
	}
	good := withToken(2, ctap.PermissionMakeCredential, rpID)

	tests := []struct {
		name   string
		config func(*Config)
		pin    bool
		spoil  []spoil
		want   ctap.Status
		touch  int
	}{
		{name: "no PIN: fulfilled", touch: 1},
		{name: "no PIN: unknown members, options and extensions are ignored", touch: 1, spoil: []spoil{
			set(0x55, cborText("?")), options(named("frob", cborBool(true))), set(6, cborMap(named("frob", cborBool(true)))),
		}},

		{name: "members: no hash", spoil: []spoil{drop(1)}, want: ctap.StatusMissingParameter},
		{name: "members: no rp", spoil: []spoil{drop(2)}, want: ctap.StatusMissingParameter},
		{name: "members: no user", spoil: []spoil{drop(3)}, want: ctap.StatusMissingParameter},
		{name: "members: no algorithms", spoil: []spoil{drop(4)}, want: ctap.StatusMissingParameter},
		{name: "members: hash is text", spoil: []spoil{set(1, cborText("x"))}, want: ctap.StatusCBORUnexpectedType},
		{name: "members: hash too short", spoil: []spoil{set(1, cborBytes([]byte("x")))}, want: ctap.StatusInvalidParameter},
		{name: "members: rp is text", spoil: []spoil{set(2, cborText("x"))}, want: ctap.StatusCBORUnexpectedType},
		{name: "members: rp without id", spoil: []spoil{set(2, cborMap())}, want: ctap.StatusMissingParameter},
		{name: "members: rp id empty", spoil: []spoil{set(2, cborMap(named("id", cborText(""))))}, want: ctap.StatusInvalidParameter},
		{name: "members: user id of 65 bytes", spoil: []spoil{set(3, cborMap(named("id", cborBytes(make([]byte, 65)))))}, want: ctap.StatusInvalidParameter},
		{name: "members: user name is bytes", spoil: []spoil{set(3, cborMap(named("id", cborBytes([]byte("u"))), named("name", cborBytes(nil))))}, want: ctap.StatusCBORUnexpectedType},
		{name: "members: exclude list of nine", spoil: []spoil{set(5, cborArray(slicesRepeat(descriptorOf([]byte("x")), 9)...))}, want: ctap.StatusLimitExceeded},
		{name: "members: excluded without type", spoil: []spoil{set(5, cborArray(cborMap(named("id", cborBytes(nil)))))}, want: ctap.StatusMissingParameter},
		{name: "members: option is a number", spoil: []spoil{options(named("rk", cborInt(1)))}, want: ctap.StatusCBORUnexpectedType},
		{name: "members: option is null", spoil: []spoil{options(named("rk", []byte{0xF6}))}, want: ctap.StatusCBORUnexpectedType},

		{name: "step 1: empty param, no PIN", spoil: []spoil{set(8, cborBytes(nil)), set(9, cborInt(1))}, want: ctap.StatusPINNotSet, touch: 1},
		{name: "step 1: empty param, PIN", pin: true, spoil: []spoil{set(8, cborBytes(nil)), set(9, cborInt(1))}, want: ctap.StatusPINInvalid, touch: 1},
		{name: "step 1 comes before 2", spoil: []spoil{set(8, cborBytes(nil)), set(9, cborInt(7))}, want: ctap.StatusPINNotSet, touch: 1},
		{name: "step 2: unknown protocol", pin: true, spoil: []spoil{good, set(9, cborInt(3))}, want: ctap.StatusInvalidParameter},
		{name: "step 2: no protocol", pin: true, spoil: []spoil{good, drop(9)}, want: ctap.StatusMissingParameter},
		{name: "step 2 comes before 3", pin: true, spoil: []spoil{good, drop(9), set(4, cborArray(offer(-999)))}, want: ctap.StatusMissingParameter},
		{name: "step 3: nothing supported", spoil: []spoil{set(4, cborArray(offer(-999)))}, want: ctap.StatusUnsupportedAlgorithm},
		{name: "step 3: nothing offered", spoil: []spoil{set(4, cborArray())}, want: ctap.StatusUnsupportedAlgorithm},
		{name: "step 3: all are looked at", spoil: []spoil{set(4, cborArray(offer(ES256), cborMap(named("alg", cborInt(-8)))))}, want: ctap.StatusMissingParameter},
		{name: "step 3: algorithm is text", spoil: []spoil{set(4, cborArray(offer(ES256), cborMap(named("alg", cborText("x")), named("type", cborText("public-key")))))}, want: ctap.StatusCBORUnexpectedType},
		{name: "step 3: other types are passed over", spoil: []spoil{set(4, cborArray(cborMap(named("alg", cborInt(-7)), named("type", cborText("other")))))}, want: ctap.StatusUnsupportedAlgorithm},
		{name: "step 3 comes before 5", spoil: []spoil{set(4, cborArray(offer(-999))), options(named("up", cborBool(false)))}, want: ctap.StatusUnsupportedAlgorithm},
		{name: "step 5: uv without built-in verification", spoil: []spoil{options(named("uv", cborBool(true)))}, want: ctap.StatusInvalidOption},
		{name: "step 5: uv does not count with a param", pin: true, spoil: []spoil{good, options(named("uv", cborBool(true)))}, touch: 1},
		{name: "step 5: up false", spoil: []spoil{options(named("up", cborBool(false)))}, want: ctap.StatusInvalidOption},
		{name: "step 5: up true", spoil: []spoil{options(named("up", cborBool(true)))}, touch: 1},
		{name: "step 6: always verified, no PIN", config: always, want: ctap.StatusPUATRequired},
		{name: "step 6: always verified, no PIN, param", config: always, spoil: []spoil{set(8, cborBytes([]byte("x"))), set(9, cborInt(2))}, want: ctap.StatusPUATRequired},
		{name: "step 6: always verified, no token", config: always, pin: true, want: ctap.StatusPUATRequired},
		{name: "step 6: always verified, token", config: always, pin: true, spoil: []spoil{good}, touch: 1},
		{name: "step 7: discoverable without token", pin: true, spoil: []spoil{options(named("rk", cborBool(true)))}, want: ctap.StatusPUATRequired},
		{name: "step 7: not discoverable without token", pin: true, touch: 1},
		{name: "step 8: strict, without token", config: strict, pin: true, want: ctap.StatusPUATRequired},
		{name: "step 8: strict, without PIN", config: strict, touch: 1},
		{name: "step 8 comes before 9", config: strict, pin: true, spoil: []spoil{set(0x0A, cborInt(1))}, want: ctap.StatusPUATRequired},
		{name: "step 9: enterprise attestation", spoil: []spoil{set(0x0A, cborInt(7))}, want: ctap.StatusInvalidParameter},
		{name: "step 9 comes before 11", pin: true, spoil: []spoil{good, set(8, cborBytes([]byte("bad"))), set(0x0A, cborInt(1))}, want: ctap.StatusInvalidParameter},
		{name: "step 11: token", pin: true, spoil: []spoil{good}, touch: 1},
		{name: "step 11: token of protocol one", pin: true, spoil: []spoil{withToken(1, ctap.PermissionMakeCredential, rpID)}, touch: 1},
		{name: "step 11: token of the other protocol", pin: true, spoil: []spoil{good, set(9, cborInt(1))}, want: ctap.StatusPINAuthInvalid},
		{name: "step 11: wrong param", pin: true, spoil: []spoil{good, set(8, cborBytes(make([]byte, 32)))}, want: ctap.StatusPINAuthInvalid},
		{name: "step 11: half a param", pin: true, spoil: []spoil{good, func(_ *bench, r request) { r[8] = cborBytes(r[8][2:18]) }}, want: ctap.StatusPINAuthInvalid},
		{name: "step 11: no token was issued", pin: true, spoil: []spoil{set(8, cborBytes(make([]byte, 32))), set(9, cborInt(2))}, want: ctap.StatusPINAuthInvalid},
		{name: "step 11: without permission", pin: true, spoil: []spoil{withToken(2, ctap.PermissionGetAssertion, rpID)}, want: ctap.StatusPINAuthInvalid},
		{name: "step 11: for another site", pin: true, spoil: []spoil{withToken(2, ctap.PermissionMakeCredential, "other.example")}, want: ctap.StatusPINAuthInvalid},
		{name: "step 11: param without PIN is ignored", spoil: []spoil{set(8, cborBytes([]byte("x"))), set(9, cborInt(2))}, touch: 1},
		{name: "step 11 comes before 15", pin: true, spoil: []spoil{good, set(8, cborBytes([]byte("x"))), set(6, cborMap(named("credProtect", cborInt(9))))}, want: ctap.StatusPINAuthInvalid},
		{name: "step 14: declined", spoil: []spoil{func(b *bench, _ request) {
			b.finger = func(context.Context, Request) error { return errors.New("no") }
		}}, want: ctap.StatusOperationDenied, touch: 1},
		{name: "step 14: nobody there", spoil: []spoil{func(b *bench, _ request) {
			b.finger = func(context.Context, Request) error { return context.DeadlineExceeded }
		}}, want: ctap.StatusOperationDenied, touch: 1},
		{name: "step 15: credProtect 4", spoil: []spoil{set(6, cborMap(named("credProtect", cborInt(4))))}, want: ctap.StatusInvalidParameter, touch: 1},
		{name: "step 15: credProtect is text", spoil: []spoil{set(6, cborMap(named("credProtect", cborText("3"))))}, want: ctap.StatusCBORUnexpectedType},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var change []func(*Config)
			if test.config != nil {
				change = append(change, test.config)
			}
			b := newBench(t, change...)
			if test.pin {
				b.setPIN(goodPIN)
			}
			r := goodCreation()
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

func slicesRepeat(item []byte, n int) [][]byte {
	list := make([][]byte, n)
	for i := range list {
		list[i] = item
	}
	return list
}

func TestMakeCredentialAnswer(t *testing.T) {
	b := newBench(t)
	b.setPIN(goodPIN)
	r := goodCreation().authorise(ctap.CommandMakeCredential, 2, b.token(2, ctap.PermissionMakeCredential))
	r[4] = cborArray(offer(-999), offer(EdDSA), offer(ES256))
	r[6] = cborMap(named("credProtect", cborInt(2)), named("hmac-secret", cborBool(true)))
	status, body := b.do(ctap.CommandMakeCredential, r)
	wantStatus(t, "makeCredential", status, ctap.StatusOK)

	data := b.authData(body, 2)
	wantHash := sha256.Sum256([]byte(rpID))
	if !bytes.Equal(data.rpIDHash, wantHash[:]) {
		t.Errorf("rpIdHash %x", data.rpIDHash)
	}
	if want := FlagUserPresent | FlagUserVerified | FlagAttestedData | FlagExtensionData; data.flags != want {
		t.Errorf("flags %02x, want %02x", data.flags, want)
	}
	if !bytes.Equal(data.aaguid, AAGUID[:]) {
		t.Errorf("AAGUID %x", data.aaguid)
	}
	want := cborMap(named("credProtect", cborInt(2)), named("hmac-secret", cborBool(true)))
	if !bytes.Equal(data.extensions.raw, want) {
		t.Errorf("extensions %x, want %x", data.extensions.raw, want)
	}
	key := &params{pairs: data.key.pairs}
	if alg, _ := key.int(num(3)); alg != EdDSA {
		t.Errorf("algorithm %d, want the first that is supported", alg)
	}
	if b.has(body, 4) {
		t.Error("epAtt without enterprise attestation")
	}
	if len(b.alive) == 0 || b.alive[len(b.alive)-1] != ctap.KeepAliveUserPresence {
		t.Errorf("keep-alives %v", b.alive)
	}
	if got := b.touches[len(b.touches)-1]; got != (Request{ctap.CommandMakeCredential, rpID, "alice"}) {
		t.Errorf("touch for %+v", got)
	}
}

// A token serves one ceremony (CTAP 2.1 §6.1.2 step 14).
func TestTokenServesOneCeremony(t *testing.T) {
	for _, proto := range []ctap.PINProtocol{1, 2} {
		b := newBench(t)
		b.setPIN(goodPIN)
		both := ctap.PermissionMakeCredential | ctap.PermissionGetAssertion
		token := b.token(proto, both)
		r := goodCreation().authorise(ctap.CommandMakeCredential, proto, token)
		resident(r)
		status, _ := b.do(ctap.CommandMakeCredential, r)
		wantStatus(t, "first", status, ctap.StatusOK)
		status, _ = b.do(ctap.CommandMakeCredential, r)
		wantStatus(t, "second", status, ctap.StatusPINAuthInvalid)
		status, _ = b.do(ctap.CommandGetAssertion, goodAssertion().authorise(ctap.CommandGetAssertion, proto, token))
		wantStatus(t, "assertion", status, ctap.StatusPINAuthInvalid)

		use := goodAssertion().authorise(ctap.CommandGetAssertion, proto, b.token(proto, both))
		status, _ = b.do(ctap.CommandGetAssertion, use)
		wantStatus(t, "first assertion", status, ctap.StatusOK)
		status, _ = b.do(ctap.CommandGetAssertion, use)
		wantStatus(t, "second assertion", status, ctap.StatusPINAuthInvalid)
	}
}

// Step 12: what the person does makes no difference, and a credential that needs
// verification is not talked about without it.
func TestExcludeList(t *testing.T) {
	protect := func(level int64) func(request) {
		return func(r request) { r[6] = cborMap(named("credProtect", cborInt(level))) }
	}
	tests := []struct {
		name   string
		make   func(request)
		verify bool
		rpID   string
		want   ctap.Status
	}{
		{"ours, unverified", nil, false, rpID, ctap.StatusCredentialExcluded},
		{"ours, verified", nil, true, rpID, ctap.StatusCredentialExcluded},
		{"ours, discoverable", resident, true, rpID, ctap.StatusCredentialExcluded},
		{"level 2, unverified", protect(2), false, rpID, ctap.StatusCredentialExcluded},
		{"level 3, unverified", protect(3), false, rpID, ctap.StatusOK},
		{"level 3, verified", protect(3), true, rpID, ctap.StatusCredentialExcluded},
		{"another site's", nil, true, "other.example", ctap.StatusOK},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			b.setPIN(goodPIN)
			id := b.create(test.make)
			r := goodCreation()
			r[2] = cborMap(named("id", cborText(test.rpID)))
			r[5] = cborArray(descriptorOf([]byte("foreign")), descriptorOf(id))
			if test.verify {
				r.authorise(ctap.CommandMakeCredential, 2, b.tokenFor(2, ctap.PermissionMakeCredential, test.rpID))
			}
			for _, finger := range []func(context.Context, Request) error{
				AlwaysPresent,
				func(context.Context, Request) error { return errors.New("no") },
			} {
				b.finger = finger
				if test.want == ctap.StatusOK {
					b.finger = AlwaysPresent
				}
				before := len(b.touches)
				status, _ := b.do(ctap.CommandMakeCredential, r)
				wantStatus(t, "makeCredential", status, test.want)
				if len(b.touches) != before+1 {
					t.Errorf("%d touches, want 1", len(b.touches)-before)
				}
				if test.want == ctap.StatusOK {
					return
				}
			}
		})
	}
}

func TestCancel(t *testing.T) {
	commands := map[string][]byte{
		"makeCredential": goodCreation().encode(ctap.CommandMakeCredential),
		"selection":      {byte(ctap.CommandSelection)},
		"reset":          {byte(ctap.CommandReset)},
	}
	for name, raw := range commands {
		b := newBench(t)
		ctx, cancel := context.WithCancel(t.Context())
		b.finger = func(ctx context.Context, _ Request) error {
			cancel()
			<-ctx.Done()
			return ctx.Err()
		}
		answer, err := b.Exchange(ctx, raw, nil)
		if err != nil || len(answer) != 1 || ctap.Status(answer[0]) != ctap.StatusKeepAliveCancel {
			t.Errorf("%s: %x, %v; want KEEPALIVE_CANCEL", name, answer, err)
		}
	}
	// Excluded credentials are not told of to somebody who cancels.
	b := newBench(t)
	id := b.create(nil)
	r := goodCreation()
	r[5] = cborArray(descriptorOf(id))
	ctx, cancel := context.WithCancel(t.Context())
	b.finger = func(context.Context, Request) error { cancel(); return context.Canceled }
	answer, err := b.Exchange(ctx, r.encode(ctap.CommandMakeCredential), nil)
	if err != nil || ctap.Status(answer[0]) != ctap.StatusKeepAliveCancel {
		t.Errorf("excluded: %x, %v", answer, err)
	}
}

func TestResidentCredentials(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Capacity = 2 })
	user := func(id string) func(request) {
		return func(r request) {
			resident(r)
			r[3] = cborMap(named("id", cborBytes([]byte(id))))
		}
	}
	first := b.create(user("one"))
	b.create(user("two"))
	_, info := b.send([]byte{byte(ctap.CommandGetInfo)})
	if n := b.member(info, 0x14).n; n != 0 {
		t.Errorf("room for %d more", n)
	}

	r := goodCreation()
	user("three")(r)
	status, _ := b.do(ctap.CommandMakeCredential, r)
	wantStatus(t, "third", status, ctap.StatusKeyStoreFull)

	// The same account gets a new credential in place of the old one.
	again := b.create(user("one"))
	if bytes.Equal(first, again) {
		t.Error("the id stayed")
	}
	use := goodAssertion()
	use[3] = cborArray(descriptorOf(first))
	status, _ = b.do(ctap.CommandGetAssertion, use)
	wantStatus(t, "replaced credential", status, ctap.StatusNoCredentials)

	// Credentials that are not discoverable need no room.
	for i := range 5 {
		b.create(func(r request) { r[3] = cborMap(named("id", cborBytes(fmt.Append(nil, "plain", i)))) })
	}
}
