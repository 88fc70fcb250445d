package demo_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"bestow.dev/internal/front/nevis/demo"
)

// world is the pages before a FIDO2 server that answers what the test says.
type world struct {
	t       *testing.T
	server  *httptest.Server
	client  *http.Client
	answers map[string]string // by path; empty: a fault
	asked   map[string]string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, answers: map[string]string{}, asked: map[string]string{}}
	fido := http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		path := strings.TrimPrefix(r.URL.Path, "/nevisfido/fido2")
		w.asked[path] = string(body)
		if w.answers[path] == "" {
			out.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(out, w.answers[path])
	})
	mux := http.NewServeMux()
	if err := demo.Mount(mux, demo.Config{Path: "/nevis/demo", FIDO: fido, Base: "/nevisfido/fido2"}); err != nil {
		t.Fatal(err)
	}
	w.server = httptest.NewTLSServer(mux)
	t.Cleanup(w.server.Close)
	w.client = w.server.Client()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	w.client.Jar = jar
	return w
}

func (w *world) send(method, path string, form url.Values, header ...string) (int, string, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+"/nevis/demo"+path, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, site := range header {
		r.Header.Set("Sec-Fetch-Site", site)
	}
	resp, err := w.client.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Request.URL.Path, string(text)
}

// token returns the token of the forms of a page.
func (w *world) token(path string) string {
	w.t.Helper()
	status, _, text := w.send("GET", path, nil)
	found := regexp.MustCompile(`name="token" value="([A-Z2-7]+)"`).FindStringSubmatch(text)
	if status != 200 || found == nil {
		w.t.Fatalf("%d %s", status, text)
	}
	return found[1]
}

func TestStates(t *testing.T) {
	w := newWorld(t)
	w.answers["/attestation/options"] = `{"status":"ok","errorMessage":"","fido2SessionId":"s1","challenge":"AA"}`
	w.answers["/attestation/result"] = `{"status":"ok","errorMessage":"","fido2SessionId":"s1"}`
	w.answers["/status"] = `{"status":"succeeded","timestamp":"t","userId":"alice"}`
	status, at, text := w.send("POST", "", url.Values{"token": {w.token("")}, "name": {" alice "}, "next": {"register"}})
	if status != 200 || at != "/nevis/demo/register" || !strings.Contains(text, `data-gui="fido2_auth"`) || !strings.Contains(text, "<strong>alice</strong>") {
		t.Fatalf("%d %s %s", status, at, text)
	}
	// An empty form gives options, for the session's user whoever the browser says.
	status, _, text = w.send("POST", "/register", nil, "same-origin")
	if status != 200 || text != w.answers["/attestation/options"]+"\n" && text != w.answers["/attestation/options"] {
		t.Errorf("options: %d %s", status, text)
	}
	if !strings.Contains(w.asked["/attestation/options"], `"username":"alice"`) {
		t.Errorf("asked: %s", w.asked["/attestation/options"])
	}
	if status, _, _ := w.send("POST", "/register", nil, "cross-site"); status != http.StatusForbidden {
		t.Errorf("another site: %d", status)
	}
	token := w.token("/register")
	fields := url.Values{
		"id": {"AQ"}, "type": {"public-key"}, "clientDataJSON": {"e30"}, "attestationObject": {"oA"}, "userFriendlyName": {"Mine"},
		"userAgent": {"test"}, "clientExtensionResults": {`{"credProps":{"rk":true}}`},
	}
	status, _, text = w.send("POST", "/register", fields)
	if status != http.StatusUnprocessableEntity || w.asked["/attestation/result"] != "" || !strings.Contains(text, "not ours") {
		t.Errorf("without token: %d %s", status, text)
	}
	fields.Set("token", token)
	status, at, text = w.send("POST", "/register", fields)
	if status != 200 || at != "/nevis/demo/ok" || !strings.Contains(text, `<strong id="user">alice</strong>`) {
		t.Errorf("%d %s %s", status, at, text)
	}
	var sent map[string]any
	if err := json.Unmarshal([]byte(w.asked["/attestation/result"]), &sent); err != nil || sent["id"] != "AQ" || sent["userFriendlyName"] != "Mine" ||
		sent["response"].(map[string]any)["attestationObject"] != "oA" || sent["clientExtensionResults"] == nil {
		t.Errorf("sent: %v", sent)
	}
	// All of it in one field.
	if status, at, _ := w.send("POST", "/register", url.Values{"token": {token}, "credential": {`{"id":"Ag"}`}}); status != 200 || at != "/nevis/demo/ok" {
		t.Errorf("one field: %d %s", status, at)
	}
	if w.asked["/attestation/result"] != `{"id":"Ag"}` {
		t.Errorf("sent: %s", w.asked["/attestation/result"])
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	token := w.token("/login")
	post := func(form url.Values) (int, string) {
		status, _, text := w.send("POST", "/login", form, "same-origin")
		return status, text
	}
	if status, text := post(nil); status != http.StatusBadGateway || !strings.Contains(text, "cannot be reached") {
		t.Errorf("no server: %d %s", status, text)
	}
	w.answers["/attestation/options"] = `{"status":"failed","errorMessage":"Nobody"}`
	if status, text := post(nil); status != http.StatusBadRequest || !strings.Contains(text, "Nobody") {
		t.Errorf("refused options: %d %s", status, text)
	}
	if status, text := post(url.Values{"token": {token}, "error": {"<NotAllowedError>"}}); status != 422 || !strings.Contains(text, "&lt;NotAllowedError&gt;") {
		t.Errorf("error of the browser: %d %s", status, text)
	}
	if status, text := post(url.Values{"token": {token}, "id": {"AQ"}}); status != 422 || !strings.Contains(text, "could not be taken") {
		t.Errorf("no server: %d %s", status, text)
	}
	w.answers["/assertion/result"] = `{"status":"failed","errorMessage":"The challenge was used already."}`
	if status, text := post(url.Values{"token": {token}, "id": {"AQ"}}); status != 422 || !strings.Contains(text, "used already") {
		t.Errorf("refused: %d %s", status, text)
	}
	w.answers["/assertion/result"] = `{"status":"ok","errorMessage":"","fido2SessionId":"s"}`
	w.answers["/status"] = `{"status":"failed"}`
	if status, text := post(url.Values{"token": {token}, "id": {"AQ"}}); status != 422 || !strings.Contains(text, "confirm") {
		t.Errorf("not confirmed: %d %s", status, text)
	}
	if status, text := post(url.Values{"token": {token}, "credential": {"{"}}); status != 422 || !strings.Contains(text, "could not be taken") {
		t.Errorf("no JSON: %d %s", status, text)
	}
	w.client.Jar, _ = cookiejar.New(nil)
	if status, text := post(url.Values{"id": {"AQ"}}); status != 422 || !strings.Contains(text, "has ended") {
		t.Errorf("no session: %d %s", status, text)
	}
}
