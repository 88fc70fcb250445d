package tenant_test

import (
	"testing"

	"bestow.dev/internal/tenant"
)

func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7":              "192.0.2.7",
		"::ffff:192.0.2.7":       "192.0.2.7",
		"2001:db8:1:2:3:4:5:6":   "2001:db8:1:2::",
		"2001:db8:1:2::":         "2001:db8:1:2::",
		"fe80::1%eth0":           "fe80::",
		"":                       "",
		"a name, not an address": "a name, not an address",
	} {
		if got := tenant.Network(address); got != want {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
	}
}
