package relay

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/strictjson"
	"bestow.dev/webauthn"
)

// times returns when the command can no longer be answered and no longer be polled.
func (h *Header) times(now time.Time) (timeout, lifespan time.Time, err error) {
	life := int64(DefaultLifespan / time.Second)
	if h.Lifespan != nil {
		life = *h.Lifespan
	}
	wait := life
	if h.Timeout != nil {
		wait = *h.Timeout
	}
	switch {
	case life < 1 || life > int64(MaxLifespan/time.Second):
		return now, now, ErrInvalidHeader.At("lifespan").Saying("lifespan is 1 to %d seconds", MaxLifespan/time.Second)
	case wait < 1:
		return now, now, ErrInvalidHeader.At("timeout").Saying("timeout is at least 1 second")
	case wait > life:
		return now, now, ErrInvalidHeader.At("timeout").Saying("timeout must not exceed lifespan")
	}
	return now.Add(time.Duration(wait) * time.Second), now.Add(time.Duration(life) * time.Second), nil
}

// destinations returns where the command goes, with box ids in their one form, and
// whether that is a new temporary box.
func (h *Header) destinations() (to []string, temporary bool, err error) {
	if len(h.To) == 0 {
		return []string{ToTemporary}, true, nil
	}
	if len(h.To) > MaxDestinations {
		return nil, false, ErrInvalidHeader.At("to").Saying("a command goes to at most %d destinations", MaxDestinations)
	}
	seen := make(map[string]bool, len(h.To))
	for _, d := range h.To {
		switch {
		case len(d) > maxDestinationBytes || !isPrintable(d):
			return nil, false, ErrNoSuchDestination.At("to")
		case d == ToTemporary:
			temporary = true
		case strings.HasPrefix(d, ToUser) && len(d) > len(ToUser):
		default:
			id, err := uuid.Parse(d)
			if err != nil || len(d) != 36 {
				return nil, false, ErrNoSuchDestination.At("to")
			}
			d = id.String()
		}
		if seen[d] {
			return nil, false, ErrInvalidHeader.At("to").Saying("a destination stands twice")
		}
		seen[d] = true
		to = append(to, d)
	}
	if temporary && len(to) > 1 {
		return nil, false, ErrInvalidHeader.At("to").Saying("%s stands alone", ToTemporary)
	}
	return to, temporary, nil
}

func (h *Header) checkExternalID() error {
	if len(h.ExternalID) > MaxExternalIDBytes || !isPrintable(h.ExternalID) {
		return ErrInvalidHeader.At("externalId").Saying("externalId has at most %d bytes of text", MaxExternalIDBytes)
	}
	return nil
}

func isPrintable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}

// request returns the hash that tells whether a command sent again under the same
// external id is the same.
func (c *Command) request(to []string, timeout, lifespan time.Duration) [sha256.Size]byte {
	h := sha256.New()
	var n [8]byte
	text := func(s []byte) {
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write(s)
	}
	text([]byte(c.Type))
	for _, d := range []time.Duration{timeout, lifespan} {
		binary.BigEndian.PutUint64(n[:], uint64(d))
		h.Write(n[:])
	}
	binary.BigEndian.PutUint64(n[:], uint64(len(to)))
	h.Write(n[:])
	for _, d := range to {
		text([]byte(d))
	}
	var object bytes.Buffer
	_ = json.Compact(&object, c.Object) // it was found to be JSON; white space means nothing
	text(object.Bytes())
	return [sha256.Size]byte(h.Sum(nil))
}

// envelope is what the relay itself reads of every command object.
type envelope struct {
	Nonce        string `json:"nonce"`
	Format       string `json:"responseformat"`
	SignatureKey string `json:"responsesignaturekey"`
}

// open reads the envelope of a command object and completes it.
func open(object json.RawMessage) (envelope, error) {
	var e envelope
	if len(object) > maxObjectBytes {
		return e, ErrTooLarge
	}
	if trimmed := bytes.TrimLeft(object, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return e, ErrInvalidCommand.Saying("the command object is not a JSON object")
	}
	if err := strictjson.Decode(object, &e, strictjson.MaxBytes(maxObjectBytes)); err != nil {
		field := ""
		if s, ok := errors.AsType[*strictjson.Error](err); ok {
			field = s.Path
		}
		return e, ErrInvalidCommand.At(field).Saying("the command object is not valid JSON for this command").Because(err)
	}
	if len(e.Nonce) > MaxNonceBytes || !isPrintable(e.Nonce) {
		return e, ErrInvalidCommand.At("nonce").Saying("nonce has at most %d bytes of text", MaxNonceBytes)
	}
	if e.Nonce == "" {
		e.Nonce = newNonce()
	}
	if e.Format == "" {
		e.Format = plugout.FormatJWS
	}
	if e.Format != plugout.FormatJWS && e.Format != plugout.FormatJSON {
		return e, ErrInvalidCommand.At("responseformat").Saying("responseformat is jws or json")
	}
	if e.SignatureKey != "" && e.SignatureKey != plugout.KeyAttestation {
		return e, ErrInvalidCommand.At("responsesignaturekey").Saying("responsesignaturekey is %s", plugout.KeyAttestation)
	}
	return e, nil
}

// newNonce returns 128 random bits as text.
func newNonce() string {
	var b [16]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// checkObject judges the members of a command object that the relay answers for;
// the others are between client and device.
func checkObject(client *Client, c *Command, e envelope) error {
	if e.Format == plugout.FormatJSON && client.KeySet != nil && !client.AcceptUnsigned {
		return ErrInvalidCommand.At("responseformat").Saying("answers to this client have to be signed: responseformat is jws")
	}
	switch c.Type {
	case plugout.SessionStart:
		return checkSessionStart(c.Object)
	case plugout.FIDOCreateCredential:
		if client.KeySet == nil && !client.AcceptUnsigned {
			return ErrInvalidCommand.Saying("without attestation keys for this client no credential is created on its behalf")
		}
		return checkCreate(c.Object)
	case plugout.Ping:
		return decodeObject(c.Object, &plugout.PingCommand{})
	}
	return nil
}

func decodeObject(object json.RawMessage, into any) error {
	if err := plugout.DecodeCommand(object, into); err != nil {
		return ErrInvalidCommand.Because(err)
	}
	return nil
}

func checkSessionStart(object json.RawMessage) error {
	var start plugout.SessionStartCommand
	if err := decodeObject(object, &start); err != nil {
		return err
	}
	const maxTextBytes, maxRequired = 512, 16
	switch {
	case len(start.UserID) > maxTextBytes || !isPrintable(start.UserID):
		return ErrInvalidCommand.At("userid").Saying("userid has at most %d bytes of text", maxTextBytes)
	case len(start.Title) > maxTextBytes || !isPrintable(start.Title):
		return ErrInvalidCommand.At("title").Saying("title has at most %d bytes of text", maxTextBytes)
	case len(start.Require) > maxRequired:
		return ErrInvalidCommand.At("require").Saying("require names at most %d capabilities", maxRequired)
	}
	return nil
}

// checkCreate judges the creation options before anyone is asked to touch a key.
// They are not changed.
func checkCreate(object json.RawMessage) error {
	var create plugout.CreateCredentialCommand
	if err := decodeObject(object, &create); err != nil {
		return err
	}
	if len(create.CreationOptions) == 0 {
		return ErrInvalidCommand.At("creationOptions").Saying("creationOptions is missing")
	}
	raw, err := create.Options()
	if err != nil {
		return ErrInvalidCommand.At("creationOptions").Saying("creationOptions is not a JSON object").Because(err)
	}
	options, err := webauthn.ParseCreationOptions(raw)
	if err != nil {
		field, problem := "creationOptions", "is not valid"
		if o, ok := errors.AsType[*webauthn.OptionsError](err); ok {
			problem = o.Problem
			if o.Member != "" {
				field += "." + o.Member
			}
		}
		return ErrInvalidCommand.At(field).Saying("%s %s", field, problem).Because(err)
	}
	return checkOrigin(create.Origin, options.RP.ID)
}

// checkOrigin holds an origin against the RP ID it is to be used with: its host is
// the RP ID or below it. An empty one is https:// and the RP ID.
func checkOrigin(origin, rpID string) error {
	if origin == "" {
		return nil
	}
	bad := ErrInvalidCommand.At("origin")
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Opaque != "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return bad.Saying("origin is not scheme, host and port")
	}
	host := u.Hostname()
	// A secure context (WebAuthn 5.1.3): https, or plain http on the machine itself.
	if u.Scheme != "https" && !(u.Scheme == "http" && host == "localhost") {
		return bad.Saying("origin is not https")
	}
	if !strings.EqualFold(host, rpID) && !strings.HasSuffix(strings.ToLower(host), "."+strings.ToLower(rpID)) {
		return bad.Saying("the host of origin is neither the RP ID nor below it")
	}
	return nil
}
