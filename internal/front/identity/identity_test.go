package identity

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/web"
)

const base = "/idm-operator/ws/hermod"

type door struct {
	*httptest.Server
	heard []string
	fault error
	now   time.Time
}

func newDoor(t testing.TB) *door {
	t.Helper()
	d := &door{now: time.Date(2026, 3, 2, 10, 15, 0, 0, time.UTC)}
	mux := http.NewServeMux()
	err := Mount(mux, Config{
		Heard: func(_ context.Context, tenant, command string) error {
			d.heard = append(d.heard, tenant+" "+command)
			return d.fault
		},
		Ready: func(context.Context) error { return d.fault }, Now: func() time.Time { return d.now },
		Tenant: "acme", Base: base, User: "hermod", Password: "pass:word",
	})
	if err != nil {
		t.Fatal(err)
	}
	d.Server = httptest.NewServer(web.Handler(mux, web.Options{Log: slog.New(slog.DiscardHandler)}))
	t.Cleanup(d.Close)
	return d
}

// callback is a good one, until it is spoilt.
type callback struct {
	method, path, user, password, media, body string
}

func good() callback {
	return callback{
		"POST", "/callback/fidocreatecredential", "hermod", "pass:word", "application/json",
		`{"commandId":"1043","commandType":"FIDO_CREATE_CREDENTIAL","state":"COMPLETED","status":"OK"}`,
	}
}

func (d *door) send(t testing.TB, c callback) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(c.method, d.URL+base+c.path, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", c.media)
	if c.user != "" {
		r.SetBasicAuth(c.user, c.password)
	}
	resp, err := d.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestCallback(t *testing.T) {
	tests := []struct {
		name   string
		spoil  func(c *callback)
		status int
	}{
		{"untouched", func(*callback) {}, 200},
		{"a name that nobody knows", func(c *callback) { c.path = "/callback/somethingnew" }, 200},
		{"a command that nobody knows", func(c *callback) { c.body = `{"commandId":"no number"}` }, 200},
		{"nobody", func(c *callback) { c.user = "" }, 401},
		{"another user", func(c *callback) { c.user = "Hermod" }, 401},
		{"another password", func(c *callback) { c.password = "pass" }, 401},
		{"not JSON", func(c *callback) { c.media = "text/plain" }, 415},
		{"no object", func(c *callback) { c.body = `[]` }, 400},
		{"no command", func(c *callback) { c.body = `{"commandID":"1043"}` }, 400},
		{"a number", func(c *callback) { c.body = `{"commandId":1043}` }, 400},
		{"cut", func(c *callback) { c.body = c.body[:20] }, 400},
		{"two ids", func(c *callback) { c.body = `{"commandId":"1","commandId":"2"}` }, 400},
		{"too large", func(c *callback) { c.body = `{"commandId":"1","x":"` + strings.Repeat("a", maxBodyBytes) + `"}` }, 413},
		{"another method", func(c *callback) { c.method = "PUT" }, 405},
		{"another path", func(c *callback) { c.path = "/callback" }, 404},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			d := newDoor(t)
			send := good()
			c.spoil(&send)
			resp, body := d.send(t, send)
			if resp.StatusCode != c.status {
				t.Errorf("got %d %s, want %d", resp.StatusCode, body, c.status)
			}
			if (c.status == 200) != (len(d.heard) == 1) || c.status == 200 && body != "" {
				t.Errorf("heard %q, answered %q", d.heard, body)
			}
			if (c.status == 401) != (resp.Header.Get("WWW-Authenticate") != "") || strings.Contains(body, "1043") || strings.Contains(body, "pass:word") {
				t.Errorf("headers %v, body %s", resp.Header, body)
			}
		})
	}
}

func TestCallbackRepeated(t *testing.T) {
	d := newDoor(t)
	for range 2 {
		if resp, body := d.send(t, good()); resp.StatusCode != 200 {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
	}
	if len(d.heard) != 2 || d.heard[0] != "acme 1043" || d.heard[1] != "acme 1043" {
		t.Errorf("heard %q", d.heard)
	}
}

// A callback that could not be taken is not acknowledged, so that the relay repeats it.
func TestFault(t *testing.T) {
	d := newDoor(t)
	d.fault = fault.New(fault.Unavailable, "store.busy", "The database is busy.")
	if resp, body := d.send(t, good()); resp.StatusCode != 503 {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
	d.fault = errors.New("secret detail")
	if resp, body := d.send(t, good()); resp.StatusCode != 500 || strings.Contains(body, "secret detail") {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
}

func TestWrongPasswordsAreCounted(t *testing.T) {
	d := newDoor(t)
	wrong := good()
	wrong.password = "wrong"
	for range maxWrong {
		if resp, _ := d.send(t, wrong); resp.StatusCode != 401 {
			t.Fatalf("got %d", resp.StatusCode)
		}
	}
	if resp, _ := d.send(t, good()); resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("got %d after %d wrong passwords", resp.StatusCode, maxWrong)
	}
	d.now = d.now.Add(time.Minute)
	if resp, _ := d.send(t, good()); resp.StatusCode != 200 {
		t.Errorf("got %d a minute later", resp.StatusCode)
	}
}

func TestAlive(t *testing.T) {
	d := newDoor(t)
	for _, method := range []string{"GET", "HEAD"} {
		for _, down := range []bool{false, true} {
			d.fault = nil
			want := 200
			if down {
				d.fault, want = errors.New("away"), 503
			}
			resp, body := d.send(t, callback{method: method, path: "/callback/alive"})
			if resp.StatusCode != want || body != "" || resp.Header.Get("Content-Length") != "0" {
				t.Errorf("%s: got %d %q, length %q, want %d", method, resp.StatusCode, body, resp.Header.Get("Content-Length"), want)
			}
		}
	}
}

func TestMountWants(t *testing.T) {
	err := Mount(http.NewServeMux(), Config{Tenant: "acme", User: "hermod"})
	if err == nil {
		t.Error("a door without password was opened")
	}
}

func FuzzCommandOf(f *testing.F) {
	f.Add([]byte(good().body))
	f.Fuzz(func(t *testing.T, body []byte) {
		id, err := commandOf(body)
		if (id == "") != (err != nil) {
			t.Errorf("%q with %v", id, err)
		}
	})
}
