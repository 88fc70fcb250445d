package agent

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// Types of client data (WebAuthn, section 5.8.1).
const (
	typeCreate = "webauthn.create"
	typeGet    = "webauthn.get"
)

// clientData serialises client data as section 5.8.1.1 of WebAuthn fixes it: order,
// escapes and all, so that a verifier without a JSON parser can read it.
func clientData(kind string, challenge []byte, origin string) []byte {
	var b strings.Builder
	b.WriteString(`{"type":`)
	writeString(&b, kind)
	b.WriteString(`,"challenge":`)
	writeString(&b, base64.RawURLEncoding.EncodeToString(challenge))
	b.WriteString(`,"origin":`)
	writeString(&b, origin)
	// The desk is no page in a frame, so crossOrigin is false and topOrigin absent.
	b.WriteString(`,"crossOrigin":false}`)
	return []byte(b.String())
}

// writeString is CCDToString of section 5.8.1.2.
func writeString(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"':
			b.WriteString(`\"`)
		case r == '\\':
			b.WriteString(`\\`)
		case r < 0x20:
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}
