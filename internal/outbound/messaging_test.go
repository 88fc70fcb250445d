package outbound

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"bestow.dev/internal/provision"
	"bestow.dev/internal/relay"
)

// polled is what a relay tells of a command that was answered.
const polled = `{"commandId":"1043","commandType":"FIDO_CREATE_CREDENTIAL","state":"COMPLETED","status":"OK",
	"destinations":[{"to":"x","bid":"y","mid":"z"}],"destination":{"to":"x","bid":"y","mid":"z"},
	"fidoCreateCredentialResponse":{"credential":{}},"signature":{"state":"VALID","kid":"k"},"jws":"a.b.c","fqdn":"msg.example.com"}`

func TestKnown(t *testing.T) {
	read := func(text string) (*provision.Known, error) {
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &members); err != nil {
			t.Fatal(err)
		}
		return known(members)
	}
	k, err := read(polled)
	if err != nil {
		t.Fatal(err)
	}
	if !k.Final() || k.Status != "OK" || string(k.Response) != `{"credential":{}}` || k.JWS != "a.b.c" || k.Signature != relay.SignatureValid {
		t.Errorf("got %+v", k)
	}
	for name, spoil := range map[string]struct{ from, to string }{
		"no state":                   {`"state":"COMPLETED"`, `"x":"y"`},
		"final without status":       {`"status":"OK"`, `"x":"y"`},
		"a state that is no text":    {`"COMPLETED"`, `7`},
		"a signature that is a text": {`{"state":"VALID","kid":"k"}`, `"VALID"`},
	} {
		if k, err := read(strings.Replace(polled, spoil.from, spoil.to, 1)); err == nil || k != nil {
			t.Errorf("%s: got %+v, %v", name, k, err)
		}
	}
	// A response under another command's name is none.
	k, err = read(strings.Replace(polled, "fidoCreateCredentialResponse", "pingResponse", 1))
	if err != nil || k.Response != nil {
		t.Errorf("got %+v, %v", k, err)
	}
}

func FuzzKnown(f *testing.F) {
	f.Add([]byte(polled))
	f.Add([]byte(`{"commandId":"1","state":"IN_PROGRESS"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var members map[string]json.RawMessage
		if json.Unmarshal(text, &members) != nil {
			return
		}
		if k, err := known(members); (k == nil) != (err != nil) {
			t.Errorf("%+v with %v", k, err)
		}
	})
}

func FuzzRefusal(f *testing.F) {
	f.Add(404, "application/json", []byte(`{"error":"NO_SUCH_COMMAND","message":"There is none.","requestId":"x"}`))
	f.Add(401, "application/json", []byte(`{"error":"invalid_client","error_description":"no"}`))
	f.Fuzz(func(t *testing.T, status int, media string, body []byte) {
		resp := &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {media}}, Body: io.NopCloser(strings.NewReader(""))}
		err := refusal(resp, body)
		r, ok := errors.AsType[*provision.Refusal](err)
		if !ok || r.Status != status || len(r.Message) > maxMessageBytes || strings.ContainsAny(r.Error(), "\r\n") {
			t.Errorf("got %q", err)
		}
	})
}
