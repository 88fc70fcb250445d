package ctap

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"slices"
	"testing"
)

// A scripted device gives one answer, and remembers what it was asked.
type scripted struct {
	answer func(request []byte) ([]byte, error)
	asked  [][]byte
}

func (s *scripted) Describe() Descriptor {
	return Descriptor{Product: "scripted", Transport: TransportNFC, Path: "scripted"}
}

func (s *scripted) Exchange(_ context.Context, request []byte, _ func(KeepAlive)) ([]byte, error) {
	s.asked = append(s.asked, bytes.Clone(request))
	return s.answer(request)
}

func (s *scripted) Close() error { return nil }

func answering(answer []byte) *scripted {
	return &scripted{answer: func([]byte) ([]byte, error) { return answer, nil }}
}

// An answer maps member keys to values.
type answer map[int]any

func (a answer) encode(t testing.TB) []byte {
	t.Helper()
	raw, err := encoder.Marshal(map[int]any(a))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

const testRP = "login.example.com"

// testAuthData is authenticator data as a key would make it. A nil key leaves the
// attested credential data out.
func testAuthData(t testing.TB, flags byte, key any) []byte {
	t.Helper()
	hash := sha256.Sum256([]byte(testRP))
	data := append(hash[:], flags, 0, 0, 0, 7)
	if key == nil {
		return data
	}
	raw, err := encoder.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	data = append(data, bytes.Repeat([]byte{0xAA}, 16)...)
	data = append(data, 0, 2, 'i', 'd')
	return append(data, raw...)
}

func goodKey() map[int]any {
	return map[int]any{1: 2, 3: -7, -1: 1, -2: make([]byte, 32), -3: make([]byte, 32)}
}

func goodInfo() answer {
	return answer{
		1: []string{"FIDO_2_0", "FIDO_2_1"}, 3: make([]byte, 16),
		4: map[string]bool{"rk": true, "clientPin": true, "pinUvAuthToken": true},
		6: []int{2, 1}, 7: 8, 8: 128, 9: []string{"usb"}, 10: []map[string]any{{"alg": -7, "type": "public-key"}},
	}
}

func goodMade(t testing.TB) answer {
	return answer{1: "packed", 2: testAuthData(t, 0x45, goodKey()), 3: map[string]any{"alg": -7, "sig": []byte{1}}}
}

func goodAsserted(t testing.TB) answer {
	return answer{
		1: map[string]any{"id": []byte("id"), "type": "public-key"}, 2: testAuthData(t, 5, nil), 3: []byte{1},
		4: map[string]any{"id": []byte("user")},
	}
}

// Each row starts from a good answer and spoils one thing.
func TestAnswersAreReadStrictly(t *testing.T) {
	info := func(ctx context.Context, d Device) error { _, err := GetInfo(ctx, d); return err }
	made := func(ctx context.Context, d Device) error {
		_, err := MakeCredential(ctx, d, MakeCredentialRequest{}, nil)
		return err
	}
	asserted := func(ctx context.Context, d Device) error {
		_, err := GetAssertion(ctx, d, GetAssertionRequest{}, nil)
		return err
	}
	retries := func(ctx context.Context, d Device) error { _, err := GetPINRetries(ctx, d); return err }
	uvRetries := func(ctx context.Context, d Device) error { _, err := GetUVRetries(ctx, d); return err }
	agreement := func(ctx context.Context, d Device) error { _, err := GetKeyAgreement(ctx, d, 2); return err }
	offCurve := map[int]any{1: 2, 3: -25, -1: 1, -2: make([]byte, 32), -3: make([]byte, 32)}
	with := func(key map[int]any, member int, value any) map[int]any {
		key = maps.Clone(key)
		key[member] = value
		return key
	}
	const drop = "drop"

	tests := []struct {
		name  string
		ask   func(context.Context, Device) error
		good  answer
		key   int
		value any
		fits  bool
	}{
		{"info", info, goodInfo(), 99, "unknown members are ignored", true},
		{"info: no versions", info, goodInfo(), 1, drop, false},
		{"info: no AAGUID", info, goodInfo(), 3, drop, false},
		{"info: AAGUID of 15 bytes", info, goodInfo(), 3, make([]byte, 15), false},
		{"info: AAGUID of 17 bytes", info, goodInfo(), 3, make([]byte, 17), false},
		{"info: versions are text", info, goodInfo(), 1, "FIDO_2_0", false},
		{"info: a version is a number", info, goodInfo(), 1, []any{2}, false},
		{"info: an option is a number", info, goodInfo(), 4, map[string]any{"rk": 1}, false},
		{"info: an option without a name", info, goodInfo(), 4, map[any]any{1: true}, false},
		{"info: message size below zero", info, goodInfo(), 5, -1, false},
		{"info: message size absurd", info, goodInfo(), 5, uint64(1) << 40, false},
		{"info: algorithm is text", info, goodInfo(), 10, []map[string]any{{"alg": "ES256", "type": "public-key"}}, false},
		{"info: algorithm of another type", info, goodInfo(), 10, []map[string]any{{"alg": -7, "type": "other"}}, true},

		{"made", made, goodMade(t), 99, 1, true},
		{"made: no format", made, goodMade(t), 1, drop, false},
		{"made: empty format", made, goodMade(t), 1, "", false},
		{"made: no data", made, goodMade(t), 2, drop, false},
		{"made: data is an array", made, goodMade(t), 2, []int{1, 2}, false},
		{"made: no statement", made, goodMade(t), 3, drop, false},
		{"made: statement is text", made, goodMade(t), 3, "x", false},
		{"made: statement is an array", made, goodMade(t), 3, []any{}, true},
		{"made: epAtt is a number", made, goodMade(t), 4, 1, false},

		{"asserted", asserted, goodAsserted(t), 99, 1, true},
		{"asserted: no credential", asserted, goodAsserted(t), 1, drop, true},
		{"asserted: credential of another type", asserted, goodAsserted(t), 1, map[string]any{"id": []byte("x"), "type": "other"}, false},
		{"asserted: credential without id", asserted, goodAsserted(t), 1, map[string]any{"type": "public-key"}, false},
		{"asserted: no data", asserted, goodAsserted(t), 2, drop, false},
		{"asserted: no signature", asserted, goodAsserted(t), 3, drop, false},
		{"asserted: signature is text", asserted, goodAsserted(t), 3, "x", false},
		{"asserted: user without id", asserted, goodAsserted(t), 4, map[string]any{"name": "x"}, false},
		{"asserted: user id of 65 bytes", asserted, goodAsserted(t), 4, map[string]any{"id": make([]byte, 65)}, false},
		{"asserted: number below zero", asserted, goodAsserted(t), 5, -1, false},

		{"retries", retries, answer{3: 8}, 4, true, true},
		{"retries: none", retries, answer{3: 8}, 3, drop, false},
		{"retries: too many", retries, answer{3: 8}, 3, 26, false},
		{"retries: state is a number", retries, answer{3: 8}, 4, 1, false},
		{"UV retries", uvRetries, answer{5: 3}, 5, 3, true},
		{"UV retries: none", uvRetries, answer{5: 3}, 5, drop, false},
		{"agreement: none", agreement, answer{1: offCurve}, 1, drop, false},
		{"agreement: off the curve", agreement, answer{1: offCurve}, 1, offCurve, false},
		{"agreement: another curve", agreement, answer{1: offCurve}, 1, with(offCurve, -1, 2), false},
		{"agreement: short coordinate", agreement, answer{1: offCurve}, 1, with(offCurve, -2, make([]byte, 31)), false},
	}
	for _, test := range tests {
		a := maps.Clone(test.good)
		a[test.key] = test.value
		if test.value == drop {
			delete(a, test.key)
		}
		err := test.ask(t.Context(), answering(append([]byte{0}, a.encode(t)...)))
		if (err == nil) != test.fits || err != nil && !errors.Is(err, ErrAnswer) {
			t.Errorf("%s: %v, want good: %v", test.name, err, test.fits)
		}
	}
}

func TestRawAnswers(t *testing.T) {
	tests := []struct {
		name   string
		answer []byte
		want   error
	}{
		{"empty", nil, ErrAnswer},
		{"too long", make([]byte, maxAnswerBytes+1), ErrAnswer},
		{"refused", []byte{0x31}, StatusPINInvalid},
		{"refused with something after", []byte{0x31, 0xA0}, StatusPINInvalid},
		{"nothing after OK", []byte{0}, ErrAnswer},
		{"no map", []byte{0, 0x80}, ErrAnswer},
		{"cut off", []byte{0, 0xA1, 0x03}, ErrAnswer},
		{"something after", []byte{0, 0xA1, 0x03, 0x08, 0x00}, ErrAnswer},
		{"keys not sorted", []byte{0, 0xA2, 0x04, 0xF5, 0x03, 0x08}, ErrAnswer},
		{"key twice", []byte{0, 0xA2, 0x03, 0x08, 0x03, 0x07}, ErrAnswer},
		{"number too long", []byte{0, 0xA1, 0x03, 0x18, 0x08}, ErrAnswer},
		{"indefinite map", []byte{0, 0xBF, 0x03, 0x08, 0xFF}, ErrAnswer},
		{"tag", []byte{0, 0xA1, 0x03, 0xC1, 0x08}, ErrAnswer},
		{"null for a number", []byte{0, 0xA1, 0x03, 0xF6}, ErrAnswer},
		{"text that is no UTF-8", []byte{0, 0xA2, 0x03, 0x08, 0x18, 0x20, 0x61, 0xFF}, ErrAnswer},
		{"nine levels", append([]byte{0, 0xA2, 0x03, 0x08, 0x18, 0x20}, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x80), ErrAnswer},
	}
	for _, test := range tests {
		if _, err := GetPINRetries(t.Context(), answering(test.answer)); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
	gone := errors.New("unplugged")
	d := &scripted{answer: func([]byte) ([]byte, error) { return nil, gone }}
	if err := Reset(t.Context(), d, nil); !errors.Is(err, gone) {
		t.Errorf("transport: %v", err)
	}
}

// What a key answers to another question than the one asked is not passed on.
func TestAuthDataIsHeldAgainstTheQuestion(t *testing.T) {
	good := testAuthData(t, 0x45, goodKey())
	flip := func(i int) []byte { b := bytes.Clone(good); b[i] ^= 0xFF; return b }
	long := bytes.Clone(good)
	long[37+16], long[37+17] = 0xFF, 0xFF
	withID := func(n int) []byte {
		data := slices.Concat(good[:53], []byte{byte(n >> 8), byte(n)}, make([]byte, n), good[57:])
		return data
	}
	noAlg := goodKey()
	delete(noAlg, 3)
	tests := []struct {
		name string
		data []byte
		fits bool
	}{
		{"good", good, true},
		{"no attested data", testAuthData(t, 5, nil), true},
		{"short", good[:36], false},
		{"another RP ID", flip(0), false},
		{"cut off in the key", good[:len(good)-1], false},
		{"cut off before the id", good[:50], false},
		{"id longer than the data", long, false},
		{"id of 1023 bytes", withID(1023), true},
		{"id of 1024 bytes", withID(1024), false},
		{"id of no bytes", withID(0), false},
		{"bytes after", append(bytes.Clone(good), 0), false},
		{"attested data that is not announced", append(testAuthData(t, 5, nil), good[37:]...), false},
		{"extensions that are not there", func() []byte { b := bytes.Clone(good); b[32] |= 0x80; return b }(), false},
		{"extensions", func() []byte { b := bytes.Clone(good); b[32] |= 0x80; return append(b, 0xA0) }(), true},
		{"extensions are no map", func() []byte { b := bytes.Clone(good); b[32] |= 0x80; return append(b, 0x80) }(), false},
		{"key without algorithm", testAuthData(t, 0x45, noAlg), false},
		{"key is no map", testAuthData(t, 0x45, "key"), false},
	}
	for _, test := range tests {
		got, err := parseAuthData(CommandMakeCredential, test.data, testRP)
		if (err == nil) != test.fits || (got == nil) == test.fits {
			t.Errorf("%s: %+v, %v", test.name, got, err)
		}
	}
}

// A client does not take one credential for another.
func TestClientHoldsAnswersAgainstTheQuestion(t *testing.T) {
	info := goodInfo()
	info[4] = map[string]bool{"rk": true, "makeCredUvNotRqd": true}
	another := map[string]any{"id": []byte("another"), "type": "public-key"}
	id := []CredentialDescriptor{{ID: []byte("id")}}
	nine := append(make([]CredentialDescriptor, 0, 9), id...)
	for i := range 8 {
		nine = append(nine, CredentialDescriptor{ID: []byte{byte(i)}})
	}
	tests := []struct {
		name  string
		allow []CredentialDescriptor
		spoil func(made, asserted answer)
		fits  bool
	}{
		{"good", id, func(_, _ answer) {}, true},
		{"one in the list, none named", id, func(_, a answer) { delete(a, 1) }, true},
		{"no list, none named", nil, func(_, a answer) { delete(a, 1) }, false},
		{"another than the listed", id, func(_, a answer) { a[1] = another }, false},
		{"another than the listed, when asked silently", nine, func(_, a answer) { a[1] = another }, false},
		{"several listed, none named", nine, func(_, a answer) { delete(a, 1) }, false},
		{"no credentials at all", nil, func(_, a answer) { a[5] = 0 }, false},
		{"very many", nil, func(_, a answer) { a[5] = maxAssertions + 1 }, false},
		{"another RP ID", id, func(_, a answer) { a[2] = make([]byte, 37) }, false},
		{"algorithm that was not offered", id, func(m, _ answer) {
			key := goodKey()
			key[3] = -8
			m[2] = testAuthData(t, 0x45, key)
		}, false},
		{"no credential made", id, func(m, _ answer) { m[2] = testAuthData(t, 5, nil) }, false},
		{"level that does not exist", id, func(m, _ answer) {
			m[2] = append(testAuthData(t, 0xC5, goodKey()), "\xa1\x6bcredProtect\x04"...)
		}, false},
		{"level of another type", id, func(m, _ answer) {
			m[2] = append(testAuthData(t, 0xC5, goodKey()), "\xa1\x6bcredProtect\xf5"...)
		}, false},
	}
	for _, test := range tests {
		made, asserted := goodMade(t), goodAsserted(t)
		test.spoil(made, asserted)
		c, err := NewClient(t.Context(), &scripted{answer: func(request []byte) ([]byte, error) {
			a := map[Command]answer{
				CommandGetInfo: info, CommandMakeCredential: made, CommandGetAssertion: asserted,
			}[Command(request[0])]
			return append([]byte{0}, a.encode(t)...), nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		_, errMade := c.MakeCredential(t.Context(), CredentialParams{
			ClientDataHash: make([]byte, 32), RP: RP{ID: testRP}, User: User{ID: []byte("u")}, Algorithms: []int64{-7},
		}, Prompt{})
		_, err = c.GetAssertion(t.Context(), AssertionParams{RPID: testRP, ClientDataHash: make([]byte, 32), Allow: test.allow}, Prompt{})
		if err == nil {
			err = errMade
		}
		if (err == nil) != test.fits || err != nil && !errors.Is(err, ErrAnswer) {
			t.Errorf("%s: %v, want good: %v", test.name, err, test.fits)
		}
	}
}

// Of a list the key holds the one it names; of a list of one it need not say so.
func TestSilentQuestion(t *testing.T) {
	two := []CredentialDescriptor{{ID: []byte("id")}, {ID: []byte("other")}}
	named := func(id string) answer {
		a := goodAsserted(t)
		a[1] = map[string]any{"id": []byte(id), "type": "public-key"}
		return a
	}
	nameless := goodAsserted(t)
	delete(nameless, 1)
	tests := []struct {
		name   string
		list   []CredentialDescriptor
		answer answer
		want   string // "": malformed
	}{
		{"named", two, named("other"), "other"},
		{"named, list of one", two[:1], named("id"), "id"},
		{"another, list of one", two[:1], named("other"), ""},
		{"nameless, list of one", two[:1], nameless, "id"},
		{"nameless, list of two", two, nameless, ""},
	}
	for _, test := range tests {
		c := &Client{dev: answering(append([]byte{0}, test.answer.encode(t)...)), info: &Info{}}
		got, err := c.holds(t.Context(), &verification{client: c, rpID: testRP}, test.list)
		switch {
		case test.want == "" && (!errors.Is(err, ErrAnswer) || got != nil):
			t.Errorf("%s: %s, %v", test.name, got, err)
		case test.want != "" && (err != nil || len(got) != 1 || string(got[0].ID) != test.want):
			t.Errorf("%s: %s, %v", test.name, got, err)
		}
	}
}

// Requests are canonical CBOR and hold what was given, and nothing else.
func TestRequestsOnTheWire(t *testing.T) {
	d := answering([]byte{0x27})
	ctx := t.Context()
	_, _ = MakeCredential(ctx, d, MakeCredentialRequest{
		ClientDataHash: []byte{1}, RP: RP{ID: "a.b"}, User: User{ID: []byte{2}}, Algorithms: []int64{-7},
	}, nil)
	_, _ = MakeCredential(ctx, d, MakeCredentialRequest{
		ClientDataHash: []byte{1}, RP: RP{ID: "a.b", Name: "n"}, User: User{ID: []byte{2}, Name: "n", DisplayName: "d"},
		Algorithms: []int64{-257}, ExcludeList: []CredentialDescriptor{{ID: []byte{3}, Transports: []Transport{TransportUSB}}},
		Extensions: map[string]any{"credProtect": 3}, ResidentKey: true, BuiltInUV: true,
		PINUVAuth: &PINUVAuth{Param: []byte{4}, Protocol: 2}, EnterpriseAttestation: 1,
	}, nil)
	_, _ = GetAssertion(ctx, d, GetAssertionRequest{RPID: "a.b", ClientDataHash: []byte{1}}, nil)
	_, _ = GetAssertion(ctx, d, GetAssertionRequest{
		RPID: "a.b", ClientDataHash: []byte{1}, Silent: true, PINUVAuth: &PINUVAuth{Param: []byte{}, Protocol: 1},
	}, nil)
	_, _ = GetNextAssertion(ctx, d)
	_ = Selection(ctx, d, nil)
	want := []string{
		"\x01\xa4\x01\x41\x01\x02\xa1\x62id\x63a.b\x03\xa1\x62id\x41\x02\x04\x81\xa2\x63alg\x26\x64type\x6apublic-key",
		"\x01\xaa\x01\x41\x01\x02\xa2\x62id\x63a.b\x64name\x61n\x03\xa3\x62id\x41\x02\x64name\x61n\x6bdisplayName\x61d" +
			"\x04\x81\xa2\x63alg\x39\x01\x00\x64type\x6apublic-key\x05\x81\xa2\x62id\x41\x03\x64type\x6apublic-key" +
			"\x06\xa1\x6bcredProtect\x03\x07\xa2\x62rk\xf5\x62uv\xf5\x08\x41\x04\x09\x02\x0a\x01",
		"\x02\xa2\x01\x63a.b\x02\x41\x01",
		"\x02\xa5\x01\x63a.b\x02\x41\x01\x05\xa1\x62up\xf4\x06\x40\x07\x01",
		"\x08",
		"\x0b",
	}
	for i, raw := range d.asked {
		if string(raw) != want[i] {
			t.Errorf("request %d\n got %x\nwant %x", i, raw, want[i])
		}
	}
	if len(d.asked) != len(want) {
		t.Errorf("%d requests, want %d", len(d.asked), len(want))
	}
}

func fuzzSeeds(f *testing.F) {
	f.Add(goodInfo().encode(f))
	f.Add(goodMade(f).encode(f))
	f.Add(goodAsserted(f).encode(f))
	f.Add(answer{1: map[int]any{1: 2, 3: -25, -1: 1, -2: make([]byte, 32), -3: make([]byte, 32)}}.encode(f))
	f.Add(answer{3: 8, 4: true}.encode(f))
}

// Whatever a key answers: a result or an error, never both, never neither, no panic.
func FuzzAnswers(f *testing.F) {
	fuzzSeeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		info, err := parseInfo(body)
		if (info == nil) == (err == nil) {
			t.Errorf("info %v, %v", info, err)
		}
		made, err := parseMakeCredential(body)
		if (made == nil) == (err == nil) {
			t.Errorf("made %v, %v", made, err)
		}
		if made != nil {
			fuzzConveyance(t, made)
		}
		asserted, err := parseGetAssertion(CommandGetAssertion, body)
		if (asserted == nil) == (err == nil) {
			t.Errorf("asserted %v, %v", asserted, err)
		}
		dev := answering(append([]byte{0}, body...))
		if key, err := GetKeyAgreement(t.Context(), dev, PINProtocolTwo); (key == nil) == (err == nil) {
			t.Errorf("agreement %v, %v", key, err)
		}
		_, _ = GetPINRetries(t.Context(), dev)
	})
}

// fuzzConveyance translates what was read: the result is canonical again.
func fuzzConveyance(t *testing.T, made *MakeCredentialResponse) {
	object, err := made.AttestationObject()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := canonical(object); err != nil {
		t.Errorf("attestation object %x: %v", object, err)
	}
	c := &Client{dev: answering(nil), info: &Info{}}
	cred, err := c.credential(CredentialParams{RP: RP{ID: testRP}}, &MakeCredentialRequest{Algorithms: []int64{-7}}, made)
	if (cred == nil) == (err == nil) {
		t.Errorf("credential %v, %v", cred, err)
	}
}

func FuzzAuthData(f *testing.F) {
	f.Add(testAuthData(f, 0x45, goodKey()))
	f.Add(append(testAuthData(f, 0xC5, goodKey()), 0xA0))
	f.Add(testAuthData(f, 5, nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parseAuthData(CommandMakeCredential, data, testRP)
		if (got == nil) == (err == nil) {
			t.Errorf("%v, %v", got, err)
		}
	})
}
