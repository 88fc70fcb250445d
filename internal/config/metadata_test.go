package config

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestMetadata(t *testing.T) {
	path := write(t, "bestow.yaml", `
metadata:
  - { name: fido, url: "https://mds.example/x/", roots-file: r.pem, crl-files: [ a.crl, /b.crl ], allow-unknown-revocation: true, refuse-outdated: true, grace: 48h }
  - { name: own, file: ./blob.jwt, roots-file: /r.pem }
  - { name: lab, statements: ./statements/ }
`)
	c, err := Load(Sources{File: path})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(path)
	want := []Metadata{
		{
			Name: "fido", URL: "https://mds.example/x/", RootsFile: filepath.Join(dir, "r.pem"),
			CRLFiles:               []string{filepath.Join(dir, "a.crl"), "/b.crl"},
			AllowUnknownRevocation: true, RefuseOutdated: true, Grace: 48 * time.Hour,
		},
		{Name: "own", File: filepath.Join(dir, "blob.jwt"), RootsFile: "/r.pem"},
		{Name: "lab", Statements: filepath.Join(dir, "statements")},
	}
	if !reflect.DeepEqual(c.Metadata, want) {
		t.Errorf("got  %+v\nwant %+v", c.Metadata, want)
	}
	if none, err := Load(Sources{}); err != nil || none.Metadata != nil {
		t.Errorf("without a file: %+v, %v", none, err)
	}
}

func TestMetadataRefused(t *testing.T) {
	const good = "name: fido, url: https://mds.example/, roots-file: r.pem"
	tests := []struct{ yaml, says string }{
		{good, ""},
		{good + ", refuse-outdated: true, grace: 0s", ""},
		{good + ", rootsfile: r.pem", "metadata[0]"},
		{strings.Replace(good, "fido", `""`, 1), "metadata[0].name"},
		{strings.Replace(good, "fido", "Fido Alliance", 1), "metadata[0].name"},
		{good + " }\n  - { " + good, "metadata[1].name"},
		{"name: fido, roots-file: r.pem", "metadata[0].url"},
		{good + ", file: blob.jwt", "metadata[0].url"},
		{strings.Replace(good, "https:", "http:", 1), "metadata[0].url"},
		{strings.Replace(good, "mds.example/", "key@mds.example/", 1), "metadata[0].url"},
		{good + ", grace: -1s", "metadata[0].grace"},
		{good + ", grace: 1h", "metadata[0].grace"},
		{good + ", grace: 1", "grace"},
		{good + `, crl-files: [ "" ]`, "metadata[0].crl-files[0]"},
		{"name: lab, statements: dir", ""},
		{"name: lab, statements: dir, roots-file: r.pem", "metadata[0].roots-file"},
		{"name: lab, statements: dir, refuse-outdated: true", "metadata[0].refuse-outdated"},
	}
	for _, tt := range tests {
		c, err := Load(Sources{File: write(t, "bestow.yaml", "metadata:\n  - { "+tt.yaml+" }\n")})
		switch {
		case tt.says == "" && err != nil:
			t.Errorf("%s: %v", tt.yaml, err)
		case tt.says != "" && (err == nil || c != nil || !strings.Contains(err.Error(), tt.says)):
			t.Errorf("%s: got %v, want %q", tt.yaml, err, tt.says)
		}
	}
}
