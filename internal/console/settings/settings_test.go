package settings_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"bestow.dev/internal/console/consoletest"
	"bestow.dev/internal/console/settings"
	"bestow.dev/internal/provision"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/seal"
	"bestow.dev/internal/tenant"
)

const (
	secret = "never to be seen again"
	jwks   = `{"keys":[{"kty":"EC","crv":"P-256","kid":"desk-<1>","alg":"ES256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`
)

// elsewhere is other servers: none answers, but that at up.example.com lets us in.
type elsewhere struct{}

func (elsewhere) DigitalAccess(c *provision.Connection, given string) (provision.DigitalAccess, error) {
	if given != secret {
		return nil, errors.New("another secret")
	}
	return answering(c.URL), nil
}

func (elsewhere) Messaging(*provision.MessagingServer, string) (provision.Messaging, error) {
	return nil, errors.New("nobody is there")
}

type web struct{}

func (web) Do(context.Context, provision.WebRequest) (*provision.WebAnswer, error) {
	return nil, errors.New("nobody is there")
}

type answering string

func (a answering) Ask(context.Context) error {
	if strings.Contains(string(a), "up.example.com") {
		return nil
	}
	return errors.New("connection refused")
}

func (answering) Options(context.Context, tenant.Authority, string) (*provision.Options, error) {
	return nil, errors.New("not asked here")
}

func (answering) Store(context.Context, tenant.Authority, provision.NewCredential) (string, error) {
	return "", errors.New("not asked here")
}

func (answering) HasStored(context.Context, tenant.Authority, string, string) (bool, error) {
	return false, errors.New("not asked here")
}

// keyring is a [provision.Sealer] in memory.
type keyring struct{ *seal.Key }

func (k keyring) SealFirst(secret []byte, place string) ([]byte, error) { return k.Seal(secret, place) }

// mute is a [relay.Caller] that nobody hears.
type mute struct{}

func (mute) Call(context.Context, relay.Call) error { return nil }

func (mute) Alive(context.Context, *relay.Client) error { return nil }

func newWorld(t *testing.T) (*consoletest.World, *provision.Service) {
	t.Helper()
	var svc *provision.Service
	w := consoletest.New(t, func(w *consoletest.World) error {
		clients, err := relay.NewClients()
		w.Check(err)
		r, err := relay.New(relay.Config{
			Store: w.DB.Relay(), Clients: clients, Wakeups: w.DB.Hub(), Caller: mute{}, PublicURL: "https://msg.example.com/hermod/rest/ms",
		})
		w.Check(err)
		svc, err = provision.New(provision.Config{
			Store: w.DB.Provision(), Sealer: keyring{seal.NewKey()}, Credentials: w.Credentials, Relay: r, Directory: w.Directory,
			Dialer: elsewhere{}, Web: web{}, InvitationURL: "https://login.example.com/enrol#",
		})
		w.Check(err)
		return settings.Add(w.Console, settings.Config{Provision: svc})
	})
	return w, svc
}

// Settings are an administrator's alone, and forms of other sites change nothing.
func TestRights(t *testing.T) {
	w, svc := newWorld(t)
	_, err := svc.PutConnection(t.Context(), w.Root, provision.Connection{Name: "da", URL: provision.Internal}, "")
	w.Check(err)
	gets := []string{"/console/settings", "/console/settings/connection", "/console/settings/connection?name=da", "/console/settings/messaging"}
	posts := []string{
		"/console/settings/connection", "/console/settings/connection/test", "/console/settings/connection/delete",
		"/console/settings/messaging", "/console/settings/messaging/test", "/console/settings/messaging/delete",
	}
	for _, role := range []tenant.Role{tenant.Enroller, tenant.Auditor} {
		b := w.Operator(string(role), role)
		b.Get("/console/users").Is(http.StatusOK).Hides("/console/settings")
		for _, path := range gets {
			b.Get(path).Is(http.StatusForbidden)
		}
		for _, path := range posts {
			b.Post(path, "name", "da", "sure", "on").Is(http.StatusForbidden)
		}
	}
	for _, path := range gets {
		w.Browser().Get(path).Leads("/console/signin")
	}
	admin := w.Operator("admin", tenant.Administrator)
	for _, path := range gets {
		admin.Get(path).Is(http.StatusOK).Hides("<style", " style=", "<script>")
	}
	for _, path := range posts {
		for _, from := range []string{"cross-site", "same-site"} {
			admin.Send(consoletest.Request{
				Method: "POST", Path: path, Type: "application/x-www-form-urlencoded", Body: "name=da&sure=on&where=own", From: from,
			}).Is(http.StatusForbidden).Says("request.cross_origin")
		}
	}
	if got := w.Actions("connection."); len(got) != 1 {
		t.Errorf("it left %v", got)
	}
}

// A connection is made, refused, changed, tried and deleted; its secret is never seen.
func TestConnection(t *testing.T) {
	w, svc := newWorld(t)
	b := w.Operator("admin", tenant.Administrator)
	path := "/console/settings/connection"
	other := func(more ...string) []string {
		return append([]string{"name", `<b>da & "x"`, "where", "other", "url", "https://up.example.com", "client", "idm"}, more...)
	}
	b.Post(path, other("secret", secret, "url", "x")[4:]...).Is(http.StatusBadRequest).Says("A name has 1 to 64").Hides(secret)
	r := b.Post(path, "name", "<b>", "where", "other", "url", "http://up.example.com", "client", "idm", "secret", secret)
	r.Is(http.StatusBadRequest).Says("The URL is https", `value="http://up.example.com"`, "&lt;b&gt;", "field wrong").Hides("<b>", secret)
	b.Post(path, other()...).Is(http.StatusBadRequest).Says("The secret is missing")

	to := b.Post(path, other("secret", secret)...).Leads(path + "?name=")
	if to != path+"?name="+url.QueryEscape(`<b>da & "x"`)+"&saved" {
		t.Errorf("it leads to %s", to)
	}
	b.Get(to).Is(http.StatusOK).Says("Saved", "known", "&lt;b&gt;da", "Operator", ">admin<").Hides("<b>da", secret)
	b.Get("/console/settings").Is(http.StatusOK).Says("https://up.example.com", "known").Hides("<b>da", secret)
	b.Post(path, other("secret", secret)...).Is(http.StatusBadRequest).Says("There is a connection of this name already").Hides(secret)

	b.Post(path, other("version", "7")...).Is(http.StatusConflict).Says("Somebody else has just changed this")
	b.Post(path, other("version", "x")...).Is(http.StatusConflict)
	b.Post(path, other("version", "1", "description", "Head office")...).Leads(path) // the secret stays
	b.Post(path+"/test", other()...).Is(http.StatusOK).Says("What the test found", `<span class="good">yes</span>`).Hides(`"bad">no`, secret)
	b.Post(path, "name", `<b>da & "x"`, "version", "2", "where", "other", "url", "https://elsewhere.example.com", "client", "idm").
		Is(http.StatusBadRequest).Says("give the secret again")
	b.Post(path, "name", `<b>da & "x"`, "version", "2", "where", "other", "url", "https://elsewhere.example.com", "client", "idm", "secret", secret).Leads(path)
	b.Language = "de"
	b.Post(path+"/test", other()...).Is(http.StatusOK).Says("Was der Test ergab", `<span class="bad">nein</span>`)
	b.Post(path+"/test", "name", "nothing").Is(http.StatusNotFound).Says("Diese Verbindung gibt es nicht")
	b.Language = ""

	b.Post(path+"/delete", other()...).Leads(path) // the box was not ticked
	b.Get(to).Is(http.StatusOK)
	b.Get(b.Post(path+"/delete", other("sure", "on")...).Leads("/console/settings?deleted=")).Is(http.StatusOK).Says("is deleted").Hides("<b>da")
	b.Get(to).Is(http.StatusNotFound).Says("There is no such connection")

	// To ourselves; a secret that was typed before that was chosen counts for nothing.
	b.Post(path, "name", "own", "where", "own", "relying-party", consoletest.Site, "url", "https://x", "secret", secret).Leads(path)
	c, err := svc.Connection(t.Context(), w.Root, "own")
	w.Check(err)
	if c.URL != provision.Internal+consoletest.Site || c.HasSecret {
		t.Errorf("got %+v", c)
	}
	b.Get(path + "?name=own").Is(http.StatusOK).Says(`value="` + consoletest.Site + `"`)
	if strings.Contains(w.Log(), secret) {
		t.Error("the secret is in the log")
	}
}

// A messaging server has times and sets of keys.
func TestMessagingServer(t *testing.T) {
	w, svc := newWorld(t)
	b := w.Operator("admin", tenant.Administrator)
	path := "/console/settings/messaging"
	form := func(more ...string) []string { return append([]string{"name", "hermod", "where", "own"}, more...) }
	b.Get(path).Is(http.StatusOK).Says(`value="600"`, `value="240"`, `value="10"`)
	for _, bad := range [][]string{
		{"lifespan", "ten"},
		{"timeout", "-1"},
		{"lifespan", "10", "timeout", "20"},
		{"set", "desks"},
		{"keys", jwks},
		{"set", "desks", "keys", "{"},
		{"set", "desks", "keys", `{"keys":[{"kty":"oct","k":"AAAA"}]}`},
	} {
		b.Post(path, form(bad...)...).Is(http.StatusBadRequest).Says("The messaging server is not good.")
	}
	b.Post(path, form("set", "desks", "keys", jwks, "lifespan", "900", "timeout", "", "session-start", "")...).Leads(path + "?name=hermod")
	b.Get(path+"?name=hermod").Is(http.StatusOK).Says("desks", "desk-&lt;1&gt;", `value="900"`, `value="240"`).Hides("desk-<1>")
	b.Post(path, form()...).Is(http.StatusBadRequest).Says("of this name already")
	b.Post(path, form("version", "1", "lifespan", "600")...).Leads(path) // the sets stay
	m, err := svc.MessagingServer(t.Context(), w.Root, "hermod")
	w.Check(err)
	if !json.Valid(m.KeySets["desks"]) || m.Lifespan != provision.DefaultLifespan {
		t.Errorf("got %+v", m)
	}
	b.Post(path+"/test", "name", "hermod").Is(http.StatusOK).Says("What the test found", ">yes<", "UP")
	b.Post(path, form("version", "2", "drop-set", "desks")...).Leads(path)
	b.Get(path + "?name=hermod").Is(http.StatusOK).Hides("desk-&lt;1&gt;")

	token := "aWRtOmtleQ==" // idm:key
	b.Post(path, "name", "far", "where", "other", "url", "https://up.example.com/rest/command", "token", "?").
		Is(http.StatusBadRequest).Says("base64 of client id, colon and key")
	b.Post(path, "name", "far", "where", "other", "url", "https://up.example.com/rest/command", "token", token).Leads(path)
	b.Get(path + "?name=far").Is(http.StatusOK).Says("known").Hides(token)
	b.Get("/console/settings").Is(http.StatusOK).Says(">idm<", "known").Hides(token)
	b.Post(path+"/delete", "name", "far").Leads(path)
	b.Post(path+"/delete", "name", "far", "sure", "on").Leads("/console/settings?deleted=far")
	b.Get(path + "?name=far").Is(http.StatusNotFound)
	if strings.Contains(w.Log(), token) {
		t.Error("the token is in the log")
	}
	if err := settings.Add(w.Console, settings.Config{}); err == nil {
		t.Error("settings of nothing")
	}
}
