package plugout

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
)

// matchInfo separates this use of the session secret from any other.
const matchInfo = "bestow plugout match code v1:"

// MatchCode returns the four decimal digits that the agent and the form both show,
// so that a person can see that they belong to the same session.
//
// The code is HKDF-SHA-256 over the session secret as it stands on the wire, with
// no salt and an info of a fixed label followed by the box id in lower case; the
// first eight bytes, read as a big-endian number, are reduced modulo 10,000. It
// tells nothing about the secret beyond those four digits, and who has not redeemed
// the link cannot foretell it.
func MatchCode(boxID, sessionSecret string) string {
	out, err := hkdf.Key(sha256.New, []byte(sessionSecret), nil, matchInfo+strings.ToLower(boxID), 8)
	if err != nil {
		panic("plugout: HKDF refuses eight bytes: " + err.Error()) // only a length beyond 255 hashes is refused
	}
	return fmt.Sprintf("%04d", binary.BigEndian.Uint64(out)%10_000)
}
