package digitalaccess_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

// nothingBreaks sends what a fuzzer made of a good request: whatever it is, it is
// answered with a document, and never as a fault of ours.
func (w *world) nothingBreaks(t *testing.T, r *http.Request) {
	t.Helper()
	out := httptest.NewRecorder()
	w.server.Config.Handler.ServeHTTP(out, r)
	if out.Code >= 500 {
		t.Fatalf("%d %s", out.Code, out.Body)
	}
	if body := out.Body.Bytes(); len(body) > 0 && !json.Valid(body) {
		t.Fatalf("%d with a body that is no JSON: %q", out.Code, body)
	}
}

func FuzzStore(f *testing.F) {
	w := newWorld(f)
	w.user("alice")
	token := w.token("idm")
	answer, err := json.Marshal(newDesk(f).Create(f, w.options(token, "alice")))
	check(f, err)
	for _, body := range []string{
		`{"userId":"alice","displayName":"Sample Key","publicKeyCredential":` + string(answer) + `}`,
		`{"userId":"alice@example.com","displayName":"Sample Key 5","publicKeyCredential":` + sampleAnswer + `}`,
		`{"userId":"alice","publicKeyCredential":{"id":"AA","rawId":"AA","type":"public-key","clientExtensionResults":{},"response":{"clientDataJSON":"e30","attestationObject":"oA"}}}`,
		`{}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest("POST", prefix+"/fido/credentials", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		w.nothingBreaks(t, r)
	})
}

func FuzzChange(f *testing.F) {
	w := newWorld(f)
	w.user("alice")
	token := w.token("idm")
	id, _ := w.enrolled(token, "alice", newDesk(f)).member("id").(string)
	f.Add(id, []byte(`{"displayName":"Lent key","enabled":false}`))
	f.Add(id+"=", []byte(`{"enabled":null}`))
	f.Add("AAAA", []byte(`{}`))
	f.Fuzz(func(t *testing.T, id string, body []byte) {
		r := httptest.NewRequest("PATCH", prefix+"/fido/credentials/x", bytes.NewReader(body))
		r.URL.Path = prefix + "/fido/credentials/" + id
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		w.nothingBreaks(t, r)
	})
}

func FuzzToken(f *testing.F) {
	w := newWorld(f)
	f.Add("", []byte("grant_type=client_credentials&client_id=idm&client_secret="+secret+"&scope=fido.read"))
	f.Add(basic("idm", secret)["Authorization"], []byte("grant_type=client_credentials"))
	f.Add("Basic x", []byte("grant_type=%zz&&="))
	f.Fuzz(func(t *testing.T, authorization string, body []byte) {
		r := httptest.NewRequest("POST", prefix+"/oauth2/token", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", authorization)
		w.nothingBreaks(t, r)
	})
}
