package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// fronts are all there are, by the key that says where each stands; %s is that place.
var fronts = map[string]string{
	"fronts.digital-access.prefix": "digital-access: { relying-party: localhost, prefix: %s }",
	"fronts.hermod.uri-base":       "hermod: { uri-base: %s }",
	"fronts.identity.base":         "identity: { base: %s, callback-user: u, callback-password-file: %%password%% }",
	"fronts.onewelcome.prefix":     "onewelcome: { prefix: %s }",
	"fronts.onespan.prefix":        "onespan: { relying-party: localhost, prefix: %s }",
	"fronts.nevis.prefix":          "nevis: { relying-party: localhost, prefix: %s }",
	"fronts.nevis.idm.uri-base":    "nevis: { relying-party: localhost, idm: { uri-base: %s, client-ext-id: users } }",
	"fronts.nevis.demo.path":       "nevis: { relying-party: localhost, demo: { path: %s, client: c } }",
	"fronts.conformance.prefix":    "conformance: { enabled: true, relying-party: localhost, prefix: %s }",
}

func loadFronts(t *testing.T, sections ...string) error {
	t.Helper()
	text := "fronts:\n  " + strings.Join(sections, "\n  ") + "\n"
	text = strings.ReplaceAll(text, "%password%", write(t, "password", "a password"))
	_, err := Load(Sources{File: write(t, "bestow.yaml", text)})
	return err
}

func TestDefaultPlaces(t *testing.T) {
	err := loadFronts(t, `digital-access: { relying-party: localhost }`, `hermod: {}`, `onewelcome: {}`, `onespan: { relying-party: localhost }`,
		`identity: { callback-user: u, callback-password-file: %password% }`,
		`nevis: { relying-party: localhost, idm: {}, demo: { client: c } }`, `conformance: { enabled: true, relying-party: localhost }`)
	if err != nil {
		t.Error(err)
	}
}

// Two fronts one of which would answer for the other are refused, and told by both names.
func TestPlaces(t *testing.T) {
	for _, tt := range []struct{ first, at, second, under string }{
		{"fronts.onespan.prefix", "/v1", "fronts.onewelcome.prefix", "/v1"},
		{"fronts.onespan.prefix", "/v1", "fronts.onewelcome.prefix", "/v1/users"},
		{"fronts.onespan.prefix", "/v1", "fronts.onewelcome.prefix", "/v1/fido/new"},
		{"fronts.onespan.prefix", "/v1", "fronts.digital-access.prefix", "/v1"},
		{"fronts.onespan.prefix", "/v1", "fronts.hermod.uri-base", "/v1"},
		{"fronts.onespan.prefix", "/x/ms/a", "fronts.hermod.uri-base", "/x"},
		{"fronts.onespan.prefix", "/x/callback", "fronts.identity.base", "/x"},
		{"fronts.onespan.prefix", "/v1", "fronts.nevis.idm.uri-base", "/v1"},
		{"fronts.onespan.prefix", "/nevisfido/fido2", "fronts.nevis.prefix", "/nevisfido"},
		{"fronts.onespan.prefix", "/v1", "fronts.nevis.demo.path", "/v1/users"},
		{"fronts.onespan.prefix", "/v1", "fronts.conformance.prefix", "/v1"},
		{"fronts.onewelcome.prefix", "/rest/fido", "fronts.digital-access.prefix", "/rest"},
		{"fronts.onewelcome.prefix", "/rest/oauth2/x", "fronts.digital-access.prefix", "/rest"},
		{"fronts.onewelcome.prefix", "/fido/v1", "fronts.conformance.prefix", "/fido/v1"},
		{"fronts.onewelcome.prefix", "/hermod/rest/command", "fronts.hermod.uri-base", "/hermod/rest"},
		{"fronts.onewelcome.prefix", "/fido/v1", "fronts.nevis.idm.uri-base", "/fido/v1"},
		{"fronts.onewelcome.prefix", "/nevis/demo", "fronts.nevis.demo.path", "/nevis/demo"},
		{"fronts.digital-access.prefix", "/a", "fronts.nevis.demo.path", "/a/fido/options"},
		{"fronts.identity.base", "/a", "fronts.nevis.demo.path", "/a/callback"},
	} {
		t.Run(tt.first+" and "+tt.second+" at "+tt.under, func(t *testing.T) {
			err := loadFronts(t, fmt.Sprintf(fronts[tt.first], tt.at), fmt.Sprintf(fronts[tt.second], tt.under))
			if err == nil || !strings.Contains(err.Error(), tt.first) || !strings.Contains(err.Error(), tt.second) {
				t.Errorf("got %v, want both named", err)
			}
			if err := loadFronts(t, fmt.Sprintf(fronts[tt.first], "/elsewhere"), fmt.Sprintf(fronts[tt.second], tt.under)); err != nil {
				t.Errorf("elsewhere: %v", err)
			}
		})
	}
	for _, setting := range slices.Sorted(maps.Keys(fronts)) {
		if setting == "fronts.nevis.demo.path" {
			continue
		}
		if err := loadFronts(t, fmt.Sprintf(fronts[setting], "/api/v1/x")); err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(setting, "fronts.")) {
			t.Errorf("%s over our own API: %v", setting, err)
		}
	}
	if err := loadFronts(t, `nevis: { relying-party: localhost, idm: { uri-base: /, client-ext-id: console } }`); err == nil || !strings.Contains(err.Error(), "fronts.nevis.idm.uri-base") {
		t.Errorf("a client over our own pages: %v", err)
	}
	if err := loadFronts(t, `nevis: { relying-party: localhost, prefix: /x, idm: { uri-base: /x/fido2 } }`); err == nil || !strings.Contains(err.Error(), "fronts.nevis.prefix and fronts.nevis.idm.uri-base") {
		t.Errorf("a front over itself: %v", err)
	}
}
