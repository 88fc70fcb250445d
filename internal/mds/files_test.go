package mds_test

import (
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/mds"
	"bestow.dev/internal/mds/mdstest"
	"bestow.dev/metadata"
	"bestow.dev/webauthn"
)

// put writes a file such that it counts as changed.
func put(t *testing.T, path string, text []byte, at time.Time) {
	t.Helper()
	check(t, os.WriteFile(path, text, 0o600))
	check(t, os.Chtimes(path, at, at))
}

// A file is looked at each minute, read when it has changed, and judged like what was
// fetched.
func TestFile(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(t.TempDir(), "blob.jwt")
	w.source.URL, w.source.File = "", path
	s := w.checked(w.node(w.fetcher()))
	wantNumber(t, s, 0)
	if st := state(t, s, w.now()); st.Failure.Code != "metadata.file" || st.Kind != "file" {
		t.Errorf("without the file: %+v", st)
	}
	put(t, path, w.service.Sign(first()), start)
	w.pass(5 * time.Minute)
	w.checked(s)
	wantNumber(t, s, 7)
	if st := state(t, s, w.now()); st.Next != w.now().Add(time.Minute) {
		t.Errorf("state %+v", st)
	}
	w.pass(time.Minute)
	put(t, path, w.service.Sign(next(8)), start.Add(time.Hour))
	w.checked(s)
	wantNumber(t, s, 8)
	w.pass(time.Minute)
	put(t, path, w.service.Sign(first()), start.Add(2*time.Hour))
	w.checked(s)
	wantNumber(t, s, 8)
	if st := state(t, s, w.now()); st.Failure.Code != "metadata.serial_number" || st.Next != w.now().Add(5*time.Minute) {
		t.Errorf("an older one: %+v", st)
	}

	// A file came from nowhere: what its x5u leads to is not fetched.
	l := next(9)
	l.X5U = w.service.Sibling("/chain")
	put(t, path, w.service.Sign(l), start.Add(3*time.Hour))
	_, err := s.Check(t.Context(), operator(), "fido")
	wantCode(t, err, "metadata.x5u_origin")
}

func text(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	check(t, err)
	return b
}

// The operator's own word comes first, and what it hides is told with it.
func TestOwnStatements(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "lab.json"), text(t, mdstest.Statement(keyModel, "Our own word")), start)
	put(t, filepath.Join(dir, "other.json"), text(t, mdstest.Entry(otherModel, "Ours", "REVOKED")), start)
	put(t, filepath.Join(dir, "README"), []byte("not read"), start)
	own, err := mds.ReadStatements(dir)
	check(t, err)
	w := newWorld(t)
	w.service.Publish(next(8, "REVOKED"))
	s := w.node(w.fetcher(), w.source, mds.Source{Name: "lab", Own: own})
	if found := s.Current().ByAAGUID(model(t, keyModel)); found == nil || !found.Own || found.Source != "lab" || found.Number != 0 {
		t.Errorf("before the first list: %+v", found)
	}
	w.checked(s)
	found := s.Current().ForAttestation(&webauthn.Attestation{AAGUID: model(t, keyModel)})
	if !found.Own || found.Entry.Statement.Description != "Our own word" || found.Entry.StatusAt(start).Level != metadata.LevelNone || !found.Entry.StatusAt(start).Sound() {
		t.Errorf("found %+v", found)
	}
	if len(found.Hidden) != 1 || found.Hidden[0].Source != "fido" || !found.Hidden[0].Entry.StatusAt(start).Revoked {
		t.Errorf("hidden %+v", found.Hidden)
	}
	if !strings.Contains(w.log.String(), "hides a defect") {
		t.Errorf("nobody is warned:\n%s", &w.log)
	}
	if found := s.Current().ByAAGUID(model(t, otherModel)); !found.Entry.StatusAt(start).Revoked {
		t.Errorf("an entry of our own: %+v", found)
	}
	if st := s.State(start); len(st) != 2 || st[1].Kind != "statements" || st[1].Models != 2 {
		t.Errorf("states %+v", st)
	}
}

func TestReadStatements(t *testing.T) {
	good := text(t, mdstest.Statement(keyModel, "A key"))
	tests := []struct {
		name  string
		files map[string][]byte
		says  string // empty: it is good
	}{
		{"untouched", map[string][]byte{"a.json": good}, ""},
		{"no file", nil, ".json"},
		{"garbage", map[string][]byte{"a.json": good, "b.json": []byte("{")}, "b.json"},
		{"of another version", map[string][]byte{"a.json": []byte(strings.Replace(string(good), `"schema":3`, `"schema":2`, 1))}, "a.json"},
		{"too long", map[string][]byte{"a.json": make([]byte, 3<<20)}, "a.json"},
		{"one model twice", map[string][]byte{"a.json": good, "b.json": good}, keyModel},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range tt.files {
				put(t, filepath.Join(dir, name), text, start)
			}
			own, err := mds.ReadStatements(dir)
			if (err == nil) != (tt.says == "") || (own == nil) != (err != nil) || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, %v, want %q", own, err, tt.says)
			}
		})
	}
	if own, err := mds.ReadStatements(mdstest.File(t, "one", good)); err != nil || len(own.Entries) != 1 {
		t.Errorf("a single file: %v", err)
	}
	if own, err := mds.ReadStatements(filepath.Join(t.TempDir(), "nothing")); err == nil || own != nil {
		t.Error("nothing was read")
	}
}

func TestParseCertificates(t *testing.T) {
	w := mdstest.New(t, start)
	good := mdstest.PEM(w.Root.Cert, w.CA.Cert)
	for name, tt := range map[string]struct {
		text []byte
		want int
	}{
		"two":                   {good, 2},
		"explained":             {append([]byte("The root:\n"), good...), 2},
		"none":                  {nil, 0},
		"no PEM":                {w.Root.Cert.Raw, 0},
		"something else":        {append(good[:len(good):len(good)], "and more"...), 0},
		"another kind of block": {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: w.Root.Cert.Raw}), 0},
		"a broken one":          {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.Root.Cert.Raw[1:]}), 0},
	} {
		got, err := mds.ParseCertificates(tt.text)
		if len(got) != tt.want || (err == nil) != (tt.want > 0) {
			t.Errorf("%s: %d certificates, %v", name, len(got), err)
		}
	}
}

func FuzzParseCertificates(f *testing.F) {
	w := mdstest.New(f, start)
	f.Add(mdstest.PEM(w.Root.Cert, w.CA.Cert))
	f.Add(w.RevocationList(w.Root))
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: w.RevocationList(w.CA)}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if all, err := mds.ParseCertificates(data); (len(all) == 0) == (err == nil) {
			t.Errorf("%d certificates, %v", len(all), err)
		}
		if list, err := mds.ParseRevocationList(data); (list == nil) == (err == nil) {
			t.Errorf("list %v, %v", list, err)
		}
	})
}
