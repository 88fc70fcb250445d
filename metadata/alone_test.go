package metadata_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/metadata"
)

// What was kept of an entry reads as it did when it was signed.
func TestParseEntry(t *testing.T) {
	b, err := newDraft().verify()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range b.Entries {
		got, findings, err := metadata.ParseEntry(want.Raw)
		if err != nil || len(findings) > 0 {
			t.Fatalf("%s: %v, findings %v", want.Name(), err, findings)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", want.Name(), got, want)
		}
	}
}

func TestParseEntryRefuses(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(members) []byte
		want  metadata.Reason
	}{
		{"untouched", func(e members) []byte { return asJSON(e) }, ""},
		{"no JSON", func(e members) []byte { return asJSON(e)[1:] }, metadata.ReasonEntryMalformed},
		{"null", func(members) []byte { return []byte("null") }, metadata.ReasonEntryMalformed},
		{"no key", func(e members) []byte { delete(e, "aaguid"); return asJSON(e) }, metadata.ReasonEntryMalformed},
		{"a member twice, deep inside", func(e members) []byte {
			return []byte(strings.Replace(string(asJSON(e)), `"schema":3`, `"schema":3,"schema":3`, 1))
		}, metadata.ReasonEntryMalformed},
		{"too long", func(e members) []byte { e["x"] = strings.Repeat("x", 2<<20); return asJSON(e) }, metadata.ReasonEntryMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, _, err := metadata.ParseEntry(tt.spoil(fido2Entry()))
			if got := reasonOf(t, err); got != tt.want || (e == nil) != (err != nil) {
				t.Errorf("entry %v, error %v, want %q", e != nil, err, tt.want)
			}
		})
	}
}

func TestParseEntryTells(t *testing.T) {
	raw := fido2Entry()
	delete(raw, "statusReports")
	e, findings, err := metadata.ParseEntry(asJSON(raw))
	if err != nil || !e.Damaged {
		t.Fatalf("error %v, damaged %v", err, e.Damaged)
	}
	want := metadata.Finding{Code: metadata.WarningMemberMissing, Entry: -1, Model: keyModel, Member: "statusReports"}
	if !slices.Contains(findings, want) {
		t.Errorf("findings %v, want %v", findings, want)
	}
}

func TestEntryOfStatement(t *testing.T) {
	day := time.Date(2026, 5, 4, 23, 0, 0, 0, time.UTC)
	for _, entry := range []members{fido2Entry(), u2fEntry(), uafEntry()} {
		e, findings, err := metadata.EntryOfStatement(asJSON(entry["metadataStatement"]), day)
		if err != nil || len(findings) > 0 || e.Damaged {
			t.Fatalf("error %v, findings %v", err, findings)
		}
		s := e.StatusAt(now)
		if !s.Sound() || s.Level != metadata.LevelNone || s.Current.Status != metadata.StatusNotCertified {
			t.Errorf("%s stands as %+v", e.Name(), s)
		}
		if len(e.TrustAnchors()) != 1 || e.TimeOfLastStatusChange != day.Truncate(24*time.Hour) {
			t.Errorf("%s: %d anchors, changed %s", e.Name(), len(e.TrustAnchors()), e.TimeOfLastStatusChange)
		}
		again, _, err := metadata.ParseEntry(e.Raw)
		if err != nil || !reflect.DeepEqual(again, e) {
			t.Errorf("%s does not read again: %v", e.Name(), err)
		}
	}
	keyless := newStatement("fido2")
	if e, _, err := metadata.EntryOfStatement(asJSON(keyless), day); reasonOf(t, err) != metadata.ReasonEntryMalformed || e != nil {
		t.Errorf("a statement about no model: %v", err)
	}
	if e, _, err := metadata.EntryOfStatement([]byte("{}"), day); reasonOf(t, err) != metadata.ReasonStatementMalformed || e != nil {
		t.Errorf("no statement: %v", err)
	}
}

func TestChainURL(t *testing.T) {
	d := newDraft()
	if url, err := metadata.ChainURL(d.text()); url != "" || err != nil {
		t.Errorf("without x5u: %q, %v", url, err)
	}
	const chain = "https://mds.example/chain"
	d.header["x5u"] = chain
	if url, err := metadata.ChainURL(d.text()); url != chain || err != nil {
		t.Errorf("with x5u: %q, %v", url, err)
	}
	d.header["alg"] = "none"
	if url, err := metadata.ChainURL(d.text()); url != "" || reasonOf(t, err) != metadata.ReasonAlgorithm {
		t.Errorf("algorithm none: %q, %v", url, err)
	}
}

func TestNewIndex(t *testing.T) {
	one, _, err := metadata.ParseEntry(asJSON(fido2Entry()))
	if err != nil {
		t.Fatal(err)
	}
	two, _, err := metadata.ParseEntry(asJSON(u2fEntry()))
	if err != nil {
		t.Fatal(err)
	}
	index, twice := metadata.NewIndex([]*metadata.Entry{one, two})
	if twice != nil || index.ByAAGUID(one.AAGUID) != one || index.ByKeyIdentifier(two.KeyIdentifiers[0]) != two {
		t.Errorf("index %+v, twice %v", index, twice)
	}
	if index, twice := metadata.NewIndex([]*metadata.Entry{one, two, one}); index != nil || twice != one {
		t.Errorf("one model twice: %v, %v", index, twice)
	}
	if new(metadata.Index).ByAAGUID(one.AAGUID) != nil {
		t.Error("an empty index finds something")
	}
}

// FuzzParseEntry reads any text as an entry, and again what it kept of it.
func FuzzParseEntry(f *testing.F) {
	for _, e := range []members{fido2Entry(), u2fEntry(), uafEntry()} {
		f.Add(asJSON(e))
		f.Add(asJSON(e["metadataStatement"]))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, read := range []func([]byte) (*metadata.Entry, []metadata.Finding, error){
			func(text []byte) (*metadata.Entry, []metadata.Finding, error) { return metadata.ParseEntry(text) },
			func(text []byte) (*metadata.Entry, []metadata.Finding, error) {
				return metadata.EntryOfStatement(text, now)
			},
		} {
			e, findings, err := read(data)
			if (e == nil) == (err == nil) || err != nil && findings != nil {
				t.Fatalf("entry %v, findings %v, error %v", e, findings, err)
			}
			if err != nil {
				continue
			}
			again, _, err := metadata.ParseEntry(json.RawMessage(e.Raw))
			if err != nil || again.Name() != e.Name() || again.Name() == "" {
				t.Fatalf("%q reads again as %v, %v", e.Raw, again, err)
			}
		}
	})
}
