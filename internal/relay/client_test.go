package relay_test

import (
	"encoding/base64"
	"testing"
	"time"

	"bestow.dev/internal/relay"
	"bestow.dev/internal/store/storetest"
)

func TestAuthenticate(t *testing.T) {
	w := newWorld(t)
	keyless := &relay.Client{Tenant: "acme", ID: "inside"}
	rotating := &relay.Client{Tenant: "acme", ID: "rotating", KeyHashes: [][32]byte{relay.HashKey("old"), relay.HashKey("new:with:colons")}}
	elsewhere := &relay.Client{Tenant: "beta", ID: "beta", KeyHashes: w.idm.KeyHashes}
	check(t, w.clients.Replace(w.idm, keyless, rotating, elsewhere))
	std := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	tests := []struct{ name, apiKey, want string }{
		{"as pasted", std("idm:secret"), "idm"},
		{"without padding", base64.RawStdEncoding.EncodeToString([]byte("idm:secret")), "idm"},
		{"first of two keys", std("rotating:old"), "rotating"},
		{"second of two keys", std("rotating:new:with:colons"), "rotating"},
		{"nothing", "", ""},
		{"not base64", "idm:secret", ""},
		{"no colon", std("idm"), ""},
		{"no key", std("idm:"), ""},
		{"wrong key", std("idm:Secret"), ""},
		{"unknown client", std("nobody:secret"), ""},
		{"empty client", std(":secret"), ""},
		{"client without keys", std("inside:"), ""},
		{"client of another tenant", std("beta:secret"), ""},
	}
	for _, c := range tests {
		got, err := w.Authenticate("acme", c.apiKey)
		if c.want == "" {
			if got != nil {
				t.Errorf("%s: got %s", c.name, got.ID)
			}
			wantError(t, err, relay.ErrUnauthorized)
		} else if err != nil || got.ID != c.want {
			t.Errorf("%s: got %v, %v, want %s", c.name, got, err, c.want)
		}
	}
}

func TestClientsThatAreNotFit(t *testing.T) {
	good := relay.Client{Tenant: "acme", ID: "idm", CallbackURL: "https://idm.example.com/ws/hermod"}
	clients, err := relay.NewClients(&good)
	check(t, err)
	for name, spoil := range map[string]func(*relay.Client){
		"no tenant":        func(c *relay.Client) { c.Tenant = "" },
		"no id":            func(c *relay.Client) { c.ID = "" },
		"colon in the id":  func(c *relay.Client) { c.ID = "a:b" },
		"the same id":      func(*relay.Client) {},
		"no URL":           func(c *relay.Client) { c.ID, c.CallbackURL = "x", "idm" },
		"neither http":     func(c *relay.Client) { c.ID, c.CallbackURL = "x", "ftp://idm.example.com" },
		"user information": func(c *relay.Client) { c.ID, c.CallbackURL = "x", "https://u:p@idm.example.com" },
		"query":            func(c *relay.Client) { c.ID, c.CallbackURL = "x", "https://idm.example.com/?a=b" },
	} {
		other := good
		spoil(&other)
		if err := clients.Replace(&good, &other); err == nil {
			t.Errorf("%s: taken", name)
		}
		if _, ok := clients.Client("acme", "idm"); !ok {
			t.Fatalf("%s: the old clients are gone", name)
		}
	}
}

func TestNew(t *testing.T) {
	db := storetest.SQLite(t)
	clients, err := relay.NewClients()
	check(t, err)
	good := relay.Config{
		Store: db.Relay(), Clients: clients, Wakeups: db.Hub(), Caller: &recorder{}, PublicURL: "https://msg.example.com/hermod/rest/ms",
	}
	s, err := relay.New(good)
	check(t, err)
	check(t, s.Ping(t.Context()))
	for name, spoil := range map[string]func(*relay.Config){
		"no store":         func(c *relay.Config) { c.Store = nil },
		"no clients":       func(c *relay.Config) { c.Clients = nil },
		"no wake-ups":      func(c *relay.Config) { c.Wakeups = nil },
		"no caller":        func(c *relay.Config) { c.Caller = nil },
		"no URL":           func(c *relay.Config) { c.PublicURL = "" },
		"plain http":       func(c *relay.Config) { c.PublicURL = "http://msg.example.com/ms" },
		"not ending in ms": func(c *relay.Config) { c.PublicURL = "https://msg.example.com/hermod" },
		"user information": func(c *relay.Config) { c.PublicURL = "https://u@msg.example.com/ms" },
		"attempts":         func(c *relay.Config) { c.Attempts = -1 },
		"delay":            func(c *relay.Config) { c.RetryDelay = -time.Second },
	} {
		c := good
		spoil(&c)
		if _, err := relay.New(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
