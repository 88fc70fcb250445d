package agent

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestClientDataAsTheStandardFixesIt(t *testing.T) {
	got := string(clientData(typeCreate, []byte{0xfb, 0xff, 0xfe}, "https://login.example.com"))
	want := `{"type":"webauthn.create","challenge":"-__-","origin":"https://login.example.com","crossOrigin":false}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var b strings.Builder
	writeString(&b, "a\"\\/\x00\x1f\x20\x7f\u00e9\u2028\U0001F511")
	if want := `"a\"\\/\u0000\u001f` + " \x7f\u00e9\u2028\U0001F511\""; b.String() != want {
		t.Errorf("got %s, want %s", b.String(), want)
	}
}

// Whatever goes in, a JSON parser gets it back.
func TestClientDataIsJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		challenge, origin := rapid.SliceOf(rapid.Byte()).Draw(t, "challenge"), rapid.String().Draw(t, "origin")
		var back struct {
			Type, Challenge, Origin string
			CrossOrigin             *bool
		}
		if err := json.Unmarshal(clientData(typeGet, challenge, origin), &back); err != nil {
			t.Fatal(err)
		}
		wrong := back.Type != typeGet || back.Challenge != base64.RawURLEncoding.EncodeToString(challenge) ||
			back.Origin != origin || back.CrossOrigin == nil || *back.CrossOrigin
		if wrong {
			t.Fatalf("came back as %+v", back)
		}
	})
}

func TestCheckOrigin(t *testing.T) {
	good := [][2]string{
		{"https://login.example.com", "login.example.com"},
		{"https://login.example.com", "example.com"},
		{"https://login.example.com:8443", "example.com"},
		{"http://localhost:8080", "localhost"},
		{"https://localhost:8443", "localhost"},
		{"http://app.localhost", "localhost"},
		{"https://bank.co.uk", "bank.co.uk"},
	}
	for _, g := range good {
		if err := CheckOrigin(g[0], g[1]); err != nil {
			t.Errorf("%s for %s: %v", g[0], g[1], err)
		}
	}
	bad := [][2]string{
		{"https://login.example.com", "com"},
		{"https://bank.co.uk", "co.uk"},
		{"https://example.com", "login.example.com"},
		{"https://notexample.com", "example.com"},
		{"https://example.com.evil.example", "example.com"},
		{"http://login.example.com", "login.example.com"},
		{"https://login.example.com/", "login.example.com"},
		{"https://login.example.com?", "login.example.com"},
		{"https://login.example.com#", "login.example.com"},
		{"https://user@login.example.com", "login.example.com"},
		{"https://login.example.com:443", "login.example.com"},
		{"http://localhost:80", "localhost"},
		{"https://login.example.com:", "login.example.com"},
		{"https://LOGIN.example.com", "login.example.com"},
		{"HTTPS://login.example.com", "login.example.com"},
		{"https://login.example.com", "LOGIN.example.com"},
		{"https://login.example.com", "login.example.com:443"},
		{"https://127.0.0.1", "127.0.0.1"},
		{"https://[::1]", "[::1]"},
		{"https://login.example.com.", "example.com"},
		{"https://a..example.com", "example.com"},
		{"https://log in.example.com", "example.com"},
		{"android:apk-key-hash:abc", "example.com"},
		{"null", "example.com"},
		{"", "example.com"},
		{"https://example.com", ""},
	}
	for _, b := range bad {
		if err := CheckOrigin(b[0], b[1]); err == nil {
			t.Errorf("%q is taken for %q", b[0], b[1])
		}
	}
}

func FuzzCheckOrigin(f *testing.F) {
	f.Add("https://login.example.com:8443", "example.com")
	f.Add("http://localhost:8080", "localhost")
	f.Fuzz(func(t *testing.T, origin, rpID string) {
		if CheckOrigin(origin, rpID) != nil {
			return
		}
		u, err := url.Parse(origin)
		if err != nil || u.User != nil || u.Path != "" || u.Hostname() != rpID && !strings.HasSuffix(u.Hostname(), "."+rpID) {
			t.Errorf("%q is taken for %q", origin, rpID)
		}
	})
}

func TestTrust(t *testing.T) {
	var list Trust
	steps := []struct {
		change func(Trust) (Trust, error)
		want   Trust // nil: refused
	}{
		{func(l Trust) (Trust, error) { return l.Add("MSG.example.com:20400", "Login.example.com") }, Trust{{"msg.example.com:20400", []string{"login.example.com"}}}},
		{func(l Trust) (Trust, error) { return l.Add("msg.example.com:20400", "login.example.com", "b.example") }, Trust{{"msg.example.com:20400", []string{"login.example.com", "b.example"}}}},
		{func(l Trust) (Trust, error) { return l.Add("msg.example.com:20400") }, nil},
		{func(l Trust) (Trust, error) { return l.Add("https://msg.example.com", "a.example") }, nil},
		{func(l Trust) (Trust, error) { return l.Add("msg.example.com/x", "a.example") }, nil},
		{func(l Trust) (Trust, error) { return l.Add("user@msg.example.com", "a.example") }, nil},
		{func(l Trust) (Trust, error) { return l.Add("msg.example.com", "com") }, nil},
		{func(l Trust) (Trust, error) { return l.Remove("msg.example.com:20400", "c.example") }, nil},
		{func(l Trust) (Trust, error) { return l.Remove("msg.example.com") }, nil},
		{func(l Trust) (Trust, error) { return l.Remove("msg.example.com:20400", "login.example.com") }, Trust{{"msg.example.com:20400", []string{"b.example"}}}},
		{func(l Trust) (Trust, error) { return l.Add("msg.example.com:443", "localhost") }, Trust{{"msg.example.com:20400", []string{"b.example"}}, {"msg.example.com", []string{"localhost"}}}},
		{func(l Trust) (Trust, error) { return l.Remove("msg.example.com") }, Trust{{"msg.example.com:20400", []string{"b.example"}}}},
		{func(l Trust) (Trust, error) { return l.Remove("msg.example.com:20400", "b.example") }, Trust{}},
	}
	for i, step := range steps {
		before := list.clone()
		next, err := step.change(list)
		if !reflect.DeepEqual(list, before) && len(before) > 0 {
			t.Fatalf("step %d changed its input", i)
		}
		if (err != nil) != (step.want == nil) || err == nil && !reflect.DeepEqual(next, step.want) {
			t.Fatalf("step %d: %v, %v; want %v", i, next, err, step.want)
		}
		if err == nil {
			list = next
		}
	}
}

func TestSettings(t *testing.T) {
	dir := Dir(filepath.Join(t.TempDir(), "agent"))
	s, err := dir.Settings()
	if err != nil || len(s.Trust) != 0 {
		t.Fatalf("without a file: %+v, %v", s, err)
	}
	want := &Settings{Trust: Trust{{"msg.example.com", []string{"login.example.com"}}}, ForbidPINSetup: true, SoftKey: "demo.key"}
	if err := dir.SaveSettings(want); err != nil {
		t.Fatal(err)
	}
	if got, err := dir.Settings(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("came back as %+v, %v", got, err)
	}
	if got := dir.Resolve(want.SoftKey); got != filepath.Join(string(dir), "demo.key") {
		t.Errorf("the software key is looked for at %s", got)
	}
	for _, bad := range []string{
		`{`, `{"trust":[]} {}`, `{"trusted":[]}`, `{"trust":[],"trust":[]}`,
		`{"trust":[{"relay":"MSG.example.com","rpIds":["a.example"]}]}`,
		`{"trust":[{"relay":"https://msg.example.com","rpIds":["a.example"]}]}`,
		`{"trust":[{"relay":"msg.example.com","rpIds":["com"]}]}`,
		`{"trust":[{"relay":"msg.example.com","rpIds":[]},{"relay":"msg.example.com","rpIds":[]}]}`,
	} {
		if err := WriteFile(dir.path(settingsFile), []byte(bad)); err != nil {
			t.Fatal(err)
		}
		if _, err := dir.Settings(); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func TestInstallationKey(t *testing.T) {
	dir := Dir(filepath.Join(t.TempDir(), "agent"))
	if _, err := dir.Signer(); !errors.Is(err, ErrNotInstalled) {
		t.Fatalf("without a key: %v", err)
	}
	first, made, err := dir.EnsureSigner()
	if err != nil || !made {
		t.Fatalf("made %v, %v", made, err)
	}
	again, made, err := dir.EnsureSigner()
	if err != nil || made || !again.Public().Equal(first.Public()) || again.Public().KeyID != first.Public().Thumbprint() {
		t.Errorf("the second time: made %v, %v, key %s", made, err, again.Public().KeyID)
	}
	path := dir.path(keyFile)
	if runtime.GOOS != "windows" {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		if err := os.Chmod(path, 0o640); err != nil {
			t.Fatal(err)
		}
		if _, err := dir.Signer(); err == nil {
			t.Error("a key that others can read is used")
		}
	}
	for _, bad := range []string{"", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		if err := WriteFile(path, []byte(bad)); err != nil {
			t.Fatal(err)
		}
		if _, err := dir.Signer(); err == nil {
			t.Errorf("%q is taken for a key", bad)
		}
	}
	for range 2 {
		if err := dir.RemoveSigner(); err != nil {
			t.Error(err)
		}
	}
}

func TestLegible(t *testing.T) {
	tests := map[string]string{
		" Acme ":                      "Acme",
		"a\x1b[2Jb":                   "a\uFFFD[2Jb",
		"a\nb\tc":                     "a b c",
		"a \u3000 \u2028\u0085b":      "a b",
		"a\u202Eb":                    "a\uFFFDb",
		"Zoë 🔑":                       "Zoë 🔑",
		strings.Repeat("x", 300):      strings.Repeat("x", 200) + "…",
		"a\xffb":                      "a\uFFFDb",
		"a\u200bb\u2066c\u2069\u00a0": "a\uFFFDb\uFFFDc\uFFFD",
		"a\u009b2Jb\x7f":              "a\uFFFD2Jb\uFFFD",
	}
	for in, want := range tests {
		if got := legible(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestTrivialPIN(t *testing.T) {
	for pin, want := range map[string]bool{
		"": true, "1": true, "1111": true, "1234": true, "4321": true, "abcd": true, "aaaaaaaa": true,
		"1357": false, "1235": false, "7183": false, "1112": false,
	} {
		if got := TrivialPIN([]byte(pin)); got != want {
			t.Errorf("%q: %v", pin, got)
		}
	}
}
