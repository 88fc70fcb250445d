package page

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestLanguage(t *testing.T) {
	for header, want := range map[string]string{
		"":                           English,
		"de":                         German,
		"de-AT,de;q=0.9,en;q=0.8":    German,
		"en-GB,en;q=0.9,de;q=0.8":    English,
		"de;q=0.1, en;q=0.9":         English,
		"fr-CH, fr;q=0.9, de;q=0.5":  German,
		"fr, ja":                     English,
		"*":                          English,
		"de;q=x":                     English,
		strings.Repeat("de,", 10000): English, // more than anybody sends
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept-Language", header)
		if got := Language(r); got != want {
			t.Errorf("%.40s: got %s, want %s", header, got, want)
		}
	}
}

func TestTemplates(t *testing.T) {
	files := fstest.MapFS{
		"greeting.html": {Data: []byte(`<p lang="{{lang}}">{{t "hello" .Name}}, {{t "plain"}} {{time .At}}</p>`)},
		"broken.html":   {Data: []byte(`<p>{{t "missing"}}</p>`)},
	}
	pages := Parse(files, Texts{"hello": {"Hello %s", "Hallo %s"}, "plain": {"100 %", "100 %"}}, "*.html")
	data := map[string]any{"Name": "<b>", "At": time.Date(2026, 3, 2, 11, 4, 5, 6, time.FixedZone("", 3600))}
	for lang, want := range map[string]string{
		English: `<p lang="en">Hello &lt;b&gt;, 100 % 2026-03-02 10:04:05</p>`,
		German:  `<p lang="de">Hallo &lt;b&gt;, 100 % 2026-03-02 10:04:05</p>`,
	} {
		var b strings.Builder
		if err := pages.Render(&b, lang, "greeting.html", data); err != nil || b.String() != want {
			t.Errorf("%s: got %s, %v", lang, b.String(), err)
		}
	}
	var b strings.Builder
	if err := pages.Render(&b, English, "broken.html", nil); err == nil || b.Len() > 0 {
		t.Errorf("a text that is not there: %q, %v", b.String(), err)
	}
	if got := Time(time.Time{}); got != "" {
		t.Errorf("no time is %q", got)
	}
}

func TestFaultText(t *testing.T) {
	texts := Texts{"fault.link.spent": {"Used", "Benutzt"}, "kind.gone": {"Over", "Vorbei"}, "kind.internal": {"Wrong", "Falsch"}}
	for _, tt := range []struct{ code, kind, want string }{
		{"link.spent", "gone", "Benutzt"},
		{"link.expired", "gone", "Vorbei"},
		{"link.expired", "conflict", "Falsch"},
	} {
		if got := texts.Fault(German, tt.code, tt.kind); got != tt.want {
			t.Errorf("%s, %s: got %q, want %q", tt.code, tt.kind, got, tt.want)
		}
	}
}

func TestProtect(t *testing.T) {
	for _, forms := range []Forms{NoForms, OwnForms} {
		h := http.Header{}
		Protect(h, forms)
		policy := h.Get("Content-Security-Policy")
		for _, part := range []string{
			"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action " + string(forms),
		} {
			if !strings.Contains(policy, part) {
				t.Errorf("no %s in %s", part, policy)
			}
		}
		if strings.Contains(policy, "unsafe") || h.Get("Cache-Control") != "no-store" || !strings.HasPrefix(h.Get("Content-Type"), "text/html") {
			t.Errorf("%v", h)
		}
	}
}

func TestAssets(t *testing.T) {
	mux := http.NewServeMux()
	Mount(mux)
	for path, want := range map[string]string{
		"/assets/style.css": "200 text/css", "/assets/icon.svg": "200 image/svg+xml", "/assets/passkey.js": "200 text/javascript",
		"/assets/signin.js": "200 text/javascript",
		"/assets/":          "404 text/plain", "/assets/x": "404 text/plain", "/assets/../page.go": "307 ",
	} {
		out := httptest.NewRecorder()
		mux.ServeHTTP(out, httptest.NewRequest(http.MethodGet, path, nil))
		if got := fmt.Sprint(out.Code, " ", out.Header().Get("Content-Type")); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}
