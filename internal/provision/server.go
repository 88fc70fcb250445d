package provision

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
)

// Times of a messaging server that are not given.
const (
	DefaultLifespan     = 600 * time.Second
	DefaultTimeout      = 240 * time.Second
	DefaultSessionStart = 10 * time.Second
)

// maxKeySets is how many sets of attestation keys a messaging server has.
const maxKeySets = 16

// MessagingServer is a relay that the tasks of a tenant's processes reach desks through.
type MessagingServer struct {
	Tenant      string
	Name        string // tasks refer to it
	Description string

	// URL is where commands are posted: https, ending in /command. Or [Internal].
	URL string

	// ClientID is who we are there, as the authentication token says. HasToken says that
	// the token is known.
	ClientID string
	HasToken bool

	// Lifespan is how long a command can be polled, Timeout how long it can be answered,
	// SessionStart how long the person has to follow the link: whole seconds, each
	// shorter than the one before it. Zero: 600, 240 and 10 s.
	Lifespan, Timeout, SessionStart time.Duration

	// KeySets are the sets of attestation keys by name, each a JWKS, that tasks refer to
	// by attestationKeySet.
	KeySets map[string]json.RawMessage

	Version   int64 // counts changes, from 1
	Changed   time.Time
	ChangedBy string // the actor
}

// IsInternal reports whether m is our own relay.
func (m *MessagingServer) IsInternal() bool { return m.URL == Internal }

// check reports what is wrong with m, and fills in the times that are not given.
func (m *MessagingServer) check() error {
	m.Lifespan, m.Timeout, m.SessionStart = orDefault(m.Lifespan, DefaultLifespan), orDefault(m.Timeout, DefaultTimeout), orDefault(m.SessionStart, DefaultSessionStart)
	switch {
	case !isName(m.Name):
		return ErrServer.At("name").Saying("A name has 1 to %d characters, no spaces around it, none of them a control character.", maxNameChars)
	case !isText(m.Description, maxDescriptionChars):
		return ErrServer.At("description").Saying("A description has at most %d characters, none of them a control character.", maxDescriptionChars)
	case !m.IsInternal() && (!isHTTPS(m.URL) || !strings.HasSuffix(m.URL, "/command")):
		return ErrServer.At("url").Saying("The URL is https and ends in /command, without user, query or fragment; or it is %s for ourselves.", Internal)
	}
	if err := m.checkTimes(); err != nil {
		return err
	}
	if len(m.KeySets) > maxKeySets {
		return ErrServer.At("attestationKeySets").Saying("A messaging server has at most %d sets of attestation keys.", maxKeySets)
	}
	for name, jwks := range m.KeySets {
		if !isName(name) {
			return ErrServer.At("attestationKeySets").Saying("The name of a set has 1 to %d characters, no spaces around it.", maxNameChars)
		}
		if _, err := plugout.ParseKeySet(jwks); err != nil {
			return ErrServer.At("attestationKeySets."+name).Saying("The set %s is not a set of public keys (JWKS).", name).Because(err)
		}
	}
	_, err := m.allKeys()
	return err
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

func (m *MessagingServer) checkTimes() error {
	for field, d := range map[string]time.Duration{"lifespan": m.Lifespan, "timeout": m.Timeout, "sessionStart": m.SessionStart} {
		if d < time.Second || d%time.Second != 0 || d > relay.MaxLifespan {
			return ErrServer.At(field).Saying("%s is 1 to %d whole seconds.", field, relay.MaxLifespan/time.Second)
		}
	}
	switch {
	case m.SessionStart >= m.Timeout:
		return ErrServer.At("sessionStart").Saying("The timeout for the session start is shorter than the timeout.")
	case m.Timeout >= m.Lifespan:
		return ErrServer.At("timeout").Saying("The timeout is shorter than the lifespan.")
	}
	return nil
}

// keySet returns the set of attestation keys of that name. Errors:
// messaging_server.key_set_unknown.
func (m *MessagingServer) keySet(name string) (*plugout.KeySet, error) {
	jwks, ok := m.KeySets[name]
	if !ok {
		return nil, ErrKeySetUnknown.Saying("The messaging server %s has no set of attestation keys %s.", m.Name, name)
	}
	return plugout.ParseKeySet(jwks)
}

// allKeys returns the keys of all sets in one; nil if there is none. It returns an error
// if two sets call different keys by the same name: on the wire a key has only that.
func (m *MessagingServer) allKeys() (*plugout.KeySet, error) {
	var all []*plugout.PublicKey
	seen := make(map[string]plugout.JWK)
	for _, name := range slices.Sorted(maps.Keys(m.KeySets)) {
		set, err := plugout.ParseKeySet(m.KeySets[name])
		if err != nil {
			return nil, err
		}
		for _, k := range set.Keys() {
			before, twice := seen[k.KeyID]
			if twice && before != k.JWK() {
				return nil, ErrServer.At("attestationKeySets").Saying("Two sets call different keys %s.", k.KeyID)
			}
			if !twice {
				seen[k.KeyID] = k.JWK()
				all = append(all, k)
			}
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	return plugout.NewKeySet(all...)
}

// clientOfToken returns the client id that an authentication token is of: the base64 of
// client id, colon and key.
func clientOfToken(token string) (string, bool) {
	text, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(token, "="))
	if err != nil {
		return "", false
	}
	id, key, ok := strings.Cut(string(text), ":")
	return id, ok && id != "" && key != "" && isText(id, maxDescriptionChars)
}
