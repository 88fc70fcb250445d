package config

import (
	"strings"
	"testing"
)

func TestIdentityAndMail(t *testing.T) {
	const good = `
secrets-key-file: keys/secrets
mail: { server: "mail.example.com:587", from: "Identity <identity@example.com>", user: bestow, password: "pass word" }
fronts:
  identity: { callback-user: hermod, callback-password: "pass:word" }
`
	tests := []struct{ name, from, to, says string }{
		{"untouched", "", "", ""},
		{"base", "hermod,", "hermod, base: /ws/,", ""},
		{"no user", "callback-user: hermod, ", "", "fronts.identity.callback-user"},
		{"a user with a colon", "callback-user: hermod", `callback-user: "a:b"`, "fronts.identity.callback-user"},
		{"no password", `, callback-password: "pass:word"`, "", "fronts.identity.callback-password"},
		{"two passwords", "callback-user", "callback-password-file: x, callback-user", "fronts.identity.callback-password"},
		{"a password's file that is not there", `callback-password: "pass:word"`, "callback-password-file: x", "fronts.identity.callback-password-file"},
		{"another tenant", "callback-user", "tenant: nobody, callback-user", "fronts.identity.tenant"},
		{"a base over our own pages", "callback-user", "base: /enrol, callback-user", "fronts.identity.base"},
		{"no port", ":587", "", "mail.server"},
		{"no server", `server: "mail.example.com:587", `, "", "mail.server"},
		{"no sender", "identity@example.com", "", "mail.from"},
		{"a password for nobody", "user: bestow, ", "", "mail.user"},
		{"a user without password", `, password: "pass word"`, "", "mail.password"},
		{"an unknown key", "from:", "form: x, from:", "form"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			text := good
			if c.from != "" {
				text = strings.Replace(good, c.from, c.to, 1)
			}
			got, err := Load(Sources{File: write(t, "bestow.yaml", text)})
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "pass") && strings.Contains(err.Error(), "word\"") {
					t.Errorf("got %v, want it to name %s", err, c.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := DefaultIdentityBase
			if c.name == "base" {
				want = "/ws"
			}
			d := got.Fronts.Identity
			if d.Base != want || d.Tenant != DefaultTenant || d.CallbackPassword != "pass:word" || !strings.HasSuffix(got.SecretsKeyFile, "/keys/secrets") || got.Mail.Password != "pass word" {
				t.Errorf("got %+v, %+v", d, got.Mail)
			}
		})
	}
}
