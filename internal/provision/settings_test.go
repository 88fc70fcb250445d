package provision_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/provision"
	"bestow.dev/internal/tenant"
)

func wantFaultOf(t testing.TB, err error, want *fault.Error, field string) {
	t.Helper()
	f := fault.From(err)
	if err == nil || f.Code != want.Code || f.Field != field {
		t.Errorf("got %v, want %s at %q", err, want.Code, field)
	}
}

func TestConnectionIsChecked(t *testing.T) {
	good := func() (provision.Connection, string) {
		return provision.Connection{Name: "DA", URL: "https://da.example.com/rest/v3.0/", ClientID: "idm"}, secret
	}
	tests := []struct {
		name  string
		spoil func(c *provision.Connection, secret *string)
		field string // empty: it is taken
	}{
		{"untouched", func(*provision.Connection, *string) {}, ""},
		{"ours", func(c *provision.Connection, s *string) { c.URL, c.ClientID, *s = provision.Internal, "", "" }, ""},
		{"ours, one of several", func(c *provision.Connection, s *string) {
			c.URL, c.ClientID, *s = provision.Internal+site, "", ""
		}, ""},
		{"ours with a secret", func(c *provision.Connection, _ *string) { c.URL, c.ClientID = provision.Internal, "" }, "secret"},
		{"ours with a client", func(c *provision.Connection, s *string) { c.URL, *s = provision.Internal, "" }, "clientId"},
		{"no name", func(c *provision.Connection, _ *string) { c.Name = "" }, "name"},
		{"a name with spaces", func(c *provision.Connection, _ *string) { c.Name = " DA" }, "name"},
		{"a name that is an expression", func(c *provision.Connection, _ *string) { c.Name = "${x}" }, "name"},
		{"another kind", func(c *provision.Connection, _ *string) { c.Kind = "ldap" }, "kind"},
		{"http", func(c *provision.Connection, _ *string) { c.URL = "http://da.example.com" }, "url"},
		{"a user in the URL", func(c *provision.Connection, _ *string) { c.URL = "https://a:b@da.example.com" }, "url"},
		{"a query", func(c *provision.Connection, _ *string) { c.URL += "?x=y" }, "url"},
		{"no client", func(c *provision.Connection, _ *string) { c.ClientID = "" }, "clientId"},
		{"no secret", func(_ *provision.Connection, s *string) { *s = "" }, "secret"},
		{"a secret of several lines", func(_ *provision.Connection, s *string) { *s = "a\nb" }, "secret"},
		{"too long a secret", func(_ *provision.Connection, s *string) { *s = strings.Repeat("x", 4097) }, "secret"},
	}
	w := newWorld(t)
	for i, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			in, s := good()
			in.Name = fmt.Sprint(in.Name, i)
			c.spoil(&in, &s)
			got, err := w.PutConnection(t.Context(), w.root, in, s)
			if c.field != "" {
				wantFaultOf(t, err, provision.ErrConnection, c.field)
				return
			}
			check(t, err)
			if got.HasSecret != (s != "") || got.Version < 1 || got.Kind != provision.KindDigitalAccess || strings.HasSuffix(got.URL, "/") {
				t.Errorf("stored %+v", got)
			}
		})
	}
}

func TestMessagingServerIsChecked(t *testing.T) {
	good := func() provision.MessagingServer {
		return provision.MessagingServer{Name: "Hermod", URL: "https://msg.example.com:20400/hermod/rest/command"}
	}
	tests := []struct {
		name  string
		spoil func(m *provision.MessagingServer, token *string)
		field string
	}{
		{"untouched", func(*provision.MessagingServer, *string) {}, ""},
		{"shortest times", func(m *provision.MessagingServer, _ *string) {
			m.Lifespan, m.Timeout, m.SessionStart = 3*time.Second, 2*time.Second, time.Second
		}, ""},
		{"no name", func(m *provision.MessagingServer, _ *string) { m.Name = "" }, "name"},
		{"http", func(m *provision.MessagingServer, _ *string) { m.URL = "http://msg.example.com/command" }, "url"},
		{"another path", func(m *provision.MessagingServer, _ *string) { m.URL = "https://msg.example.com/hermod/rest" }, "url"},
		{"timeout as long as lifespan", func(m *provision.MessagingServer, _ *string) { m.Timeout = 600 * time.Second }, "timeout"},
		{"session start as long as timeout", func(m *provision.MessagingServer, _ *string) { m.SessionStart = 240 * time.Second }, "sessionStart"},
		{"negative", func(m *provision.MessagingServer, _ *string) { m.SessionStart = -time.Second }, "sessionStart"},
		{"half a second", func(m *provision.MessagingServer, _ *string) { m.Timeout = 1500 * time.Millisecond }, "timeout"},
		{"two days", func(m *provision.MessagingServer, _ *string) { m.Lifespan = 48 * time.Hour }, "lifespan"},
		{"no token", func(_ *provision.MessagingServer, s *string) { *s = "" }, "token"},
		{"not base64", func(_ *provision.MessagingServer, s *string) { *s = "idm:key" }, "token"},
		{"no key", func(_ *provision.MessagingServer, s *string) { *s = token("idm", "") }, "token"},
		{"no key set", func(m *provision.MessagingServer, _ *string) {
			m.KeySets = map[string]json.RawMessage{"desks": json.RawMessage(`{"keys":[]}`)}
		}, "attestationKeySets.desks"},
		{"a key set without name", func(m *provision.MessagingServer, _ *string) {
			m.KeySets = map[string]json.RawMessage{"": json.RawMessage(`{"keys":[]}`)}
		}, "attestationKeySets"},
	}
	w := newWorld(t)
	for i, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			m, s := good(), token("idm", idmKey)
			m.Name = fmt.Sprint(m.Name, i)
			c.spoil(&m, &s)
			got, err := w.PutMessagingServer(t.Context(), w.root, m, s)
			if c.field != "" {
				wantFaultOf(t, err, provision.ErrServer, c.field)
				return
			}
			check(t, err)
			if !got.HasToken || got.ClientID != "idm" || got.Timeout >= got.Lifespan || got.SessionStart >= got.Timeout {
				t.Errorf("stored %+v", got)
			}
			if c.name == "untouched" && (got.Lifespan != 600*time.Second || got.Timeout != 240*time.Second || got.SessionStart != 10*time.Second) {
				t.Errorf("times that were not given: %+v", got)
			}
		})
	}
}

func TestSecretsStayWhereTheyAre(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	c, err := w.Connection(ctx, w.root, "other")
	check(t, err)
	c.Description = "changed"
	changed, err := w.PutConnection(ctx, w.root, *c, "")
	check(t, err)
	if !changed.HasSecret || changed.Version != c.Version+1 {
		t.Errorf("stored %+v", changed)
	}
	w.user(alice)
	w.run().must(getOptions, optionsParams("other")) // the secret is still good

	// A secret does not go to another server, or to another client's account.
	for field, spoil := range map[string]func(c *provision.Connection){
		"another host":   func(c *provision.Connection) { c.URL = "https://elsewhere.example" },
		"another port":   func(c *provision.Connection) { c.URL = "https://127.0.0.1:1" },
		"another client": func(c *provision.Connection) { c.ClientID = "somebody" },
	} {
		next := *changed
		spoil(&next)
		_, err = w.PutConnection(ctx, w.root, next, "")
		if f := fault.From(err); err == nil || f.Field != "secret" {
			t.Errorf("%s: %v", field, err)
		}
	}
	m, err := w.MessagingServer(ctx, w.root, "other")
	check(t, err)
	m.URL = "https://elsewhere.example/command"
	_, err = w.PutMessagingServer(ctx, w.root, *m, "")
	wantFaultOf(t, err, provision.ErrServer, "token")

	// Of two who change the same, the second is told.
	_, err = w.PutConnection(ctx, w.root, *c, "")
	wantFaultOf(t, err, provision.ErrChanged, "")

	// No secret is shown, and none is in the trail.
	all, err := w.Connections(ctx, w.root)
	check(t, err)
	servers, err := w.MessagingServers(ctx, w.root)
	check(t, err)
	events, err := w.db.AuditEvents(ctx, audit.Query{Tenant: "acme", Limit: 1000})
	check(t, err)
	text, err := json.Marshal([]any{all, servers, events})
	check(t, err)
	for _, s := range []string{secret, idmKey, token("idm", idmKey)} {
		if strings.Contains(string(text), s) {
			t.Error("a secret is shown")
		}
	}
	if len(events) < 5 || !strings.Contains(string(text), `"secret":"changed"`) {
		t.Error("the trail does not tell that a secret was set")
	}
}

func TestSettingsNeedAdmin(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	by := tenant.Authority{Tenant: "acme", Actor: audit.Actor{Kind: audit.Client, ID: "idm"}, Scopes: []tenant.Scope{tenant.ScopeProvision, tenant.ScopeManage}}
	for name, do := range map[string]func() error{
		"Connections":           func() error { _, err := w.Connections(ctx, by); return err },
		"Connection":            func() error { _, err := w.Connection(ctx, by, "ours"); return err },
		"PutConnection":         func() error { _, err := w.PutConnection(ctx, by, provision.Connection{}, ""); return err },
		"DeleteConnection":      func() error { return w.DeleteConnection(ctx, by, "ours") },
		"TestConnection":        func() error { _, err := w.TestConnection(ctx, by, "ours"); return err },
		"MessagingServers":      func() error { _, err := w.MessagingServers(ctx, by); return err },
		"MessagingServer":       func() error { _, err := w.MessagingServer(ctx, by, "ours"); return err },
		"PutMessagingServer":    func() error { _, err := w.PutMessagingServer(ctx, by, provision.MessagingServer{}, ""); return err },
		"DeleteMessagingServer": func() error { return w.DeleteMessagingServer(ctx, by, "ours") },
		"TestMessagingServer":   func() error { _, err := w.TestMessagingServer(ctx, by, "ours"); return err },
	} {
		if err := do(); fault.From(err) == nil || fault.From(err).Code != tenant.ErrDenied.Code {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := tenant.LocalOperator("globex", "root")
	if _, err := w.Connection(ctx, other, "ours"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("another tenant's: %v", err)
	}
	check(t, w.DeleteConnection(ctx, w.root, "ours"))
	check(t, w.DeleteMessagingServer(ctx, w.root, "ours"))
	if _, err := w.Connection(ctx, w.root, "ours"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("deleted: %v", err)
	}
}

func TestAdvice(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		p    map[string]string
		want string
	}{
		{map[string]string{"connection": "ours", "messagingServer": "ours", "attestationKeySet": "desks"}, ""},
		{map[string]string{"connection": "${connection}", "messagingServer": "${server}", "attestationKeySet": "nobody"}, ""},
		{map[string]string{"connection": "nowhere"}, "there is no connection nowhere yet"},
		{map[string]string{"messagingServer": "nowhere"}, "there is no messaging server nowhere yet"},
		{map[string]string{"messagingServer": "ours", "attestationKeySet": "nobody"}, "the messaging server ours has no set of attestation keys nobody yet"},
	} {
		got, err := w.Advice(t.Context(), "acme", c.p)
		check(t, err)
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%v: got %q, want %q", c.p, got, c.want)
		}
	}
}

func TestDesk(t *testing.T) {
	bothWays(t, func(t *testing.T, w *world, way string) {
		w.user(alice)
		r := w.run()
		r.must(getOptions, optionsParams(way))
		r.must(start, startParams(way))
		look := func() *provision.Desk {
			t.Helper()
			d, err := w.Desk(t.Context(), w.root, r.vars["fidoSession"])
			check(t, err)
			return d
		}
		if d := look(); d.State != provision.DeskWaiting || d.Client != nil {
			t.Errorf("before: %+v", d)
		}
		w.desk().open(r.text("plugoutUrl"))
		d := look()
		if d.State != provision.DeskConnected || d.Client == nil || d.Client.App != "desktop-app" || (d.MatchCode != "") != (way == "ours") {
			t.Errorf("after: %+v", d)
		}
		r.id += "-2"
		r.must(start, startParams(way))
		w.later(10 * time.Second)
		w.expire()
		if d := look(); d.State != provision.DeskFailed || d.Problem == "" {
			t.Errorf("too late: %+v", d)
		}
	})
}
