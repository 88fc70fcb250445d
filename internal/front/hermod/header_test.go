package hermod_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// What a commandHeader may say: defaults, bounds, numbers as text.
func TestHeader(t *testing.T) {
	tests := []struct {
		name, header      string // empty header: no member
		timeout, lifespan int    // seconds; 0: refused
		field             string
	}{
		{"absent", "", 300, 300, ""},
		{"empty", `{}`, 300, 300, ""},
		{"null members", `{"lifespan":null,"timeout":null,"to":null}`, 300, 300, ""},
		{"timeout defaults to lifespan", `{"lifespan":1500}`, 1500, 1500, ""},
		{"both", `{"lifespan":600,"timeout":120}`, 120, 600, ""},
		{"equal", `{"lifespan":30,"timeout":30}`, 30, 30, ""},
		{"as text", `{"lifespan":"600","timeout":"120"}`, 120, 600, ""},
		{"least", `{"lifespan":1,"timeout":1}`, 1, 1, ""},
		{"most", `{"lifespan":86400}`, 86400, 86400, ""},
		{"too long", `{"lifespan":86401}`, 0, 0, "lifespan"},
		{"no lifespan", `{"lifespan":0}`, 0, 0, "lifespan"},
		{"negative lifespan", `{"lifespan":-1}`, 0, 0, "lifespan"},
		{"no timeout", `{"timeout":0}`, 0, 0, "timeout"},
		{"negative timeout as text", `{"timeout":"-5"}`, 0, 0, "timeout"},
		{"timeout above lifespan", `{"lifespan":30,"timeout":31}`, 0, 0, "timeout"},
		{"timeout above the default lifespan", `{"timeout":301}`, 0, 0, "timeout"},
		{"fraction", `{"lifespan":30.5}`, 0, 0, "lifespan"},
		{"exponent", `{"lifespan":3e2}`, 0, 0, "lifespan"},
		{"no number", `{"timeout":"soon"}`, 0, 0, "timeout"},
		{"sign", `{"timeout":"+5"}`, 0, 0, "timeout"},
		{"empty text", `{"timeout":""}`, 0, 0, "timeout"},
		{"blank", `{"timeout":" 5"}`, 0, 0, "timeout"},
		{"beyond 64 bits", `{"lifespan":99999999999999999999}`, 0, 0, "lifespan"},
		{"list", `{"lifespan":[300]}`, 0, 0, "lifespan"},
		{"boolean", `{"timeout":true}`, 0, 0, "timeout"},
		{"unknown member", `{"lifespam":300}`, 0, 0, "lifespam"},
		{"other case", `{"Lifespan":300}`, 0, 0, "Lifespan"},
		{"twice", `{"lifespan":300,"lifespan":300}`, 0, 0, "-"}, // the whole body is refused
		{"no object", `[]`, 0, 0, "commandHeader"},
		{"null", `null`, 0, 0, "commandHeader"},
		{"to is text", `{"to":"@tmp"}`, 0, 0, "to"},
		{"to holds a number", `{"to":["@tmp",5]}`, 0, 0, "to"},
		{"external id is a number", `{"externalId":8841}`, 0, 0, "externalId"},
		{"external id with a line break", `{"externalId":"a\nb"}`, 0, 0, "externalId"},
		{"external id too long", `{"externalId":"` + strings.Repeat("x", 256) + `"}`, 0, 0, "externalId"},
	}
	w := newWorld(t, settings{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := `{"pingCommand":{}}`
			if tt.header != "" {
				body = `{"commandHeader":` + tt.header + `,"pingCommand":{}}`
			}
			before := len(w.events(0))
			r := w.command("ping", body)
			if tt.timeout == 0 {
				code := "INVALID_HEADER"
				if tt.field == "-" {
					code, tt.field = "INVALID_JSON", ""
				}
				want(t, r, http.StatusBadRequest, code)
				if field, _ := r.member("field").(string); field != tt.field {
					t.Errorf("field %q, want %q: %s", field, tt.field, r.body)
				}
				if len(w.events(0)) != before {
					t.Error("a refused command left something behind")
				}
				return
			}
			if r.status != http.StatusOK {
				t.Fatalf("%d %s", r.status, r.body)
			}
			var got receipt
			r.into(t, &got)
			d := w.open(&got)
			if m := d.fetch(got.message()); m.Expires.Sub(m.Issued) != time.Duration(tt.timeout)*time.Second {
				t.Errorf("open for %v, want %d s", m.Expires.Sub(m.Issued), tt.timeout)
			}
			opened, err := time.Parse(time.RFC3339, d.opened.member("expires").(string))
			check(t, err)
			if life := opened.Sub(w.Now()); life != time.Duration(tt.lifespan)*time.Second {
				t.Errorf("lives %v, want %d s", life, tt.lifespan)
			}
		})
	}
}

// Where a command may go.
func TestDestinations(t *testing.T) {
	w := newWorld(t, settings{})
	_, session := w.started(600)
	prov := w.accepted("provision", object{"provCommand": object{"userid": "alice@example.com"}})
	profile := w.open(prov)
	profile.answer(prov.message(), "OK", `{}`)
	const nobody = "00000000-0000-4000-8000-000000000000"
	tests := []struct {
		name   string
		to     []string
		status int
		code   string
	}{
		{"temporary", []string{"@tmp"}, 200, ""},
		{"session", []string{session.box}, 200, ""},
		{"in upper case", []string{strings.ToUpper(session.box)}, 200, ""},
		{"profile", []string{profile.box}, 200, ""},
		{"user", []string{"@user/alice@example.com"}, 200, ""},
		{"user and profile are one box", []string{"@user/alice@example.com", profile.box}, 200, ""},
		{"unknown box", []string{nobody}, 404, "NO_SUCH_DESTINATION"},
		{"one of two is unknown", []string{profile.box, nobody}, 404, "NO_SUCH_DESTINATION"},
		{"unknown user", []string{"@user/mallory"}, 404, "NO_SUCH_DESTINATION"},
		{"no user", []string{"@user/"}, 404, "NO_SUCH_DESTINATION"},
		{"no box id", []string{"session"}, 404, "NO_SUCH_DESTINATION"},
		{"braces", []string{"{" + session.box + "}"}, 404, "NO_SUCH_DESTINATION"},
		{"other word", []string{"@all"}, 404, "NO_SUCH_DESTINATION"},
		{"empty", []string{""}, 404, "NO_SUCH_DESTINATION"},
		{"temporary and another", []string{"@tmp", profile.box}, 400, "INVALID_HEADER"},
		{"twice", []string{session.box, session.box}, 400, "INVALID_HEADER"},
		{"session and profile", []string{session.box, profile.box}, 400, "INVALID_HEADER"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := w.command("ping", ping(header(60, 60, tt.to...)))
			if tt.status != http.StatusOK {
				want(t, r, tt.status, tt.code)
				return
			}
			var got receipt
			r.into(t, &got)
			if r.status != 200 || len(got.Destinations) != 1 || got.Destinations[0].To != strings.ToLower(tt.to[0]) {
				t.Errorf("%d %s", r.status, r.body)
			}
			if (got.Destinations[0].URI != "") != (tt.to[0] == "@tmp") {
				t.Errorf("link: %q", got.Destinations[0].URI)
			}
		})
	}
	// A session is started in a box of its own.
	r := w.command("sessionstart", object{"commandHeader": header(60, 10, session.box), "sessionStartCommand": object{}})
	want(t, r, http.StatusBadRequest, "INVALID_HEADER")
}

func TestExternalID(t *testing.T) {
	w := newWorld(t, settings{})
	body := func(timeout any) object {
		return object{"commandHeader": object{"lifespan": 60, "timeout": timeout, "externalId": "proc-8841/ping"}, "pingCommand": object{"deviceinfo": "true"}}
	}
	first := w.accepted("ping", body(30))
	if first.ExternalID != "proc-8841/ping" || first.Destinations[0].URI == "" {
		t.Errorf("first: %+v", first)
	}
	// The same again is the same command, however its numbers and spaces are written;
	// the link is shown once.
	before := len(w.events(0))
	for _, again := range []any{
		body(30), body("30"),
		` { "pingCommand" : { "deviceinfo" : "true" } , "commandHeader" : {"externalId":"proc-8841/ping","timeout":30,"lifespan":60,"to":["@tmp"]} } `,
	} {
		got := w.accepted("ping", again)
		if got.CommandID != first.CommandID || got.message() != first.message() || got.Destinations[0].URI != "" {
			t.Errorf("again: %+v", got)
		}
	}
	// Another one under its name is refused.
	want(t, w.command("ping", body(31)), http.StatusConflict, "DUPLICATE_EXTERNAL_ID")
	want(t, w.command("ping", object{"commandHeader": object{"lifespan": 60, "timeout": 30, "externalId": "proc-8841/ping"}, "pingCommand": object{}}),
		http.StatusConflict, "DUPLICATE_EXTERNAL_ID")
	want(t, w.command("sign", object{"commandHeader": object{"lifespan": 60, "timeout": 30, "externalId": "proc-8841/ping"}, "signCommand": object{}}),
		http.StatusConflict, "DUPLICATE_EXTERNAL_ID")
	if len(w.events(0)) != before {
		t.Error("something was stored")
	}
	// It is per client, and while the command lives.
	if r := w.do(call{path: "/command/ping", body: body(30), header: asDA}); r.status != http.StatusOK || r.member("commandId") == first.CommandID {
		t.Errorf("another client: %d %s", r.status, r.body)
	}
	w.Later(60 * time.Second)
	if got := w.accepted("ping", body(31)); got.CommandID == first.CommandID {
		t.Errorf("after the lifespan: %+v", got)
	}
}

// A box holds 32 open messages.
func TestBoxFull(t *testing.T) {
	w := newWorld(t, settings{})
	_, d := w.started(600)
	for i := range 32 {
		if r := w.command("ping", ping(header(600, 600, d.box))); r.status != http.StatusOK {
			t.Fatalf("message %d: %d %s", i+1, r.status, r.body)
		}
	}
	r := w.command("ping", ping(header(600, 600, d.box)))
	want(t, r, http.StatusTooManyRequests, "BOX_FULL")
	if r.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	ids := d.list()
	d.answer(ids[0], "OK", `{}`)
	if r := w.command("ping", ping(header(600, 600, d.box))); r.status != http.StatusOK {
		t.Errorf("after an answer: %d %s", r.status, r.body)
	}
	if len(ids) != 32 || fmt.Sprint(ids[1:]) != fmt.Sprint(d.list()[:31]) {
		t.Error("the box does not list its messages oldest first")
	}
}
