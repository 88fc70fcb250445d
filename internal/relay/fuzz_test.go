package relay

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/plugout"
)

// FuzzCommandObject gives anything as the object of every command.
func FuzzCommandObject(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"nonce":"n","responseformat":"jws","responsesignaturekey":"ATTESTATION"}`, `{"deviceinfo":"true"}`,
		`{"userid":"alice","profileid":"x","confirmation":"false"}`, `{"userid":"a","title":"t","require":["fido2"]}`,
		`{"origin":"https://login.example.com","creationOptions":{"publicKey":{"rp":{"id":"login.example.com","name":"E"},` +
			`"user":{"id":"AAAA","name":"a","displayName":"A"},"challenge":"AAAAAAAAAAAAAAAAAAAAAA",` +
			`"pubKeyCredParams":[{"type":"public-key","alg":-7}]}}}`,
		`[]`, `null`, `{"a":1,"a":2}`, "{\"a\":\"\xff\"}", ``,
	} {
		f.Add(seed)
	}
	client := &Client{Tenant: "acme", ID: "idm", AcceptUnsigned: true}
	f.Fuzz(func(t *testing.T, object string) {
		e, err := open(json.RawMessage(object))
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("%q: %v", object, err)
			}
			return
		}
		if e.Nonce == "" || !json.Valid([]byte(object)) {
			t.Fatalf("%q was taken", object)
		}
		for _, k := range kinds {
			c := &Command{Type: k.Type, Object: json.RawMessage(object)}
			if err := checkObject(client, c, e); err != nil && fault.KindOf(err) != fault.Invalid {
				t.Fatalf("%s %q: %v", k.Type, object, err)
			}
		}
	})
}

// FuzzOrigin checks that an origin that is taken is of the RP ID or below it.
func FuzzOrigin(f *testing.F) {
	for _, seed := range []string{
		"https://login.example.com", "https://a.login.example.com:8443", "https://LOGIN.example.com", "http://localhost:1",
		"https://evil.example/login.example.com", "https://login.example.com@evil.example", "https://evil.example#.login.example.com",
		"https://evil.example\\.login.example.com", "https://evil.example%2f.login.example.com", "//login.example.com", "https:login.example.com",
	} {
		f.Add(seed, "login.example.com")
	}
	f.Fuzz(func(t *testing.T, origin, rpID string) {
		if origin == "" || rpID == "" || checkOrigin(origin, rpID) != nil {
			return
		}
		u, err := url.Parse(origin)
		if err != nil {
			t.Fatalf("%q was taken: %v", origin, err)
		}
		host, id := strings.ToLower(u.Hostname()), strings.ToLower(rpID)
		if host != id && !strings.HasSuffix(host, "."+id) {
			t.Fatalf("%q was taken for %q", origin, rpID)
		}
	})
}

// FuzzReadAnswer gives anything as an answer: it is read or malformed, and what is
// read can be judged.
func FuzzReadAnswer(f *testing.F) {
	f.Add(plugout.MediaTypeJSON, []byte(`{"v":1,"mid":"m","nonce":"n","iat":1772446530,"status":"OK","response":{"credential":{}}}`))
	f.Add(plugout.MediaTypeJSON, []byte(`{"v":1,"mid":"m","nonce":"n","iat":1,"status":"PIN_BLOCKED","error":{"message":"no","ctap":"0x32"}}`))
	f.Add(plugout.MediaTypeJOSE, []byte(`eyJhbGciOiJFUzI1NiIsImtpZCI6ImsifQ.e30.AAAA`))
	f.Add("text/plain", []byte{})
	f.Fuzz(func(t *testing.T, media string, body []byte) {
		a, err := readAnswer(Answer{MediaType: media, Body: body})
		if err != nil {
			if a != nil || fault.From(err).Code != ErrAnswerMalformed.Code {
				t.Fatalf("got %v, %v", a, err)
			}
			return
		}
		for _, k := range kinds {
			_ = checkResponse(k.Type, a.Answer)
		}
		if e := deviceError(a.Answer); e != nil && (len(e.Message) > 512 || !isPrintable(e.Message)) {
			t.Fatalf("error %q", e.Message)
		}
	})
}
