package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestIdentityAndMail(t *testing.T) {
	const good = `
secrets-key-file: keys/secrets
mail: { server: "mail.example.com:587", from: "Identity <identity@example.com>", user: bestow, password-file: mail }
fronts:
  identity: { callback-user: hermod, callback-password-file: callback }
`
	tests := []struct{ name, from, to, says string }{
		{"untouched", "", "", ""},
		{"base", "hermod,", "hermod, base: /ws/,", ""},
		{"no user", "callback-user: hermod, ", "", "fronts.identity.callback-user"},
		{"a user with a colon", "callback-user: hermod", `callback-user: "a:b"`, "fronts.identity.callback-user"},
		{"no password", ", callback-password-file: callback", "", "fronts.identity.callback-password-file"},
		{"a password's file that is not there", "file: callback", "file: nowhere", "fronts.identity.callback-password-file"},
		{"a file of several lines", "file: callback", "file: several", "fronts.identity.callback-password-file"},
		{"another tenant", "callback-user", "tenant: nobody, callback-user", "fronts.identity.tenant"},
		{"a base over our own pages", "callback-user", "base: /enrol, callback-user", "fronts.identity.base"},
		{"no port", ":587", "", "mail.server"},
		{"no server", `server: "mail.example.com:587", `, "", "mail.server"},
		{"no sender", "identity@example.com", "", "mail.from"},
		{"a password for nobody", "user: bestow, ", "", "mail.user"},
		{"a user without password", ", password-file: mail", "", "mail.password-file"},
		{"a password inline", "password-file: mail", "password: x", "password"},
		{"an unknown key", "from:", "form: x, from:", "form"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			text := good
			if c.from != "" {
				text = strings.Replace(good, c.from, c.to, 1)
			}
			path := write(t, "bestow.yaml", text)
			for name, lines := range map[string]string{"mail": "pass word\n", "callback": "pass:word\n", "several": "pass\nword\n"} {
				if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), []byte(lines), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := Load(Sources{File: path})
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "pass:word") {
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
