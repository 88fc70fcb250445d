package hermod

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/google/uuid"

	"bestow.dev/internal/fault"
	"bestow.dev/internal/web"
)

// generateClient answers callers on this machine with a snippet for
// allowed-clients: GET util/generateclient/{client-id}. It stores nothing.
func (f *front) generateClient(w http.ResponseWriter, r *http.Request) error {
	if a, err := netip.ParseAddr(web.Address(r.Context())); err != nil || !a.IsLoopback() {
		return errForbidden
	}
	id := r.PathValue("client")
	if !goodClientID(id) {
		return fault.New(fault.Invalid, "hermod.client_id", "A client id has 1 to 64 letters, digits, dots, dashes or underscores.").At("client-id")
	}
	key, err := newKey()
	if err != nil {
		return err
	}
	apiKey := base64.StdEncoding.EncodeToString([]byte(id + ":" + key))
	h := w.Header()
	h.Set("Content-Type", "application/yaml; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	_, err = fmt.Fprintf(w, `# X-Api-Key: %s
- client-id: %s
  key: %s
  callback-basic-auth: username:password
  callback-url: http://localhost:20400/hermod/rest
`, apiKey, id, key)
	return err
}

// goodClientID keeps what would have to be quoted in YAML, or end an API key's id,
// out of the snippet.
func goodClientID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("._-", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// newKey returns a key in the shape that keys have there: 64 hexadecimal digits, two
// random UUIDs without dashes.
func newKey() (string, error) {
	var text strings.Builder
	for range 2 {
		id, err := uuid.NewRandom()
		if err != nil {
			return "", err
		}
		text.WriteString(hex.EncodeToString(id[:]))
	}
	return text.String(), nil
}
