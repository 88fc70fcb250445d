package onespan

import (
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"bestow.dev/internal/credential"
)

// Domains are how the users of a tenant are told apart by the domain behind their id.
//
// Users of the default domain are known here by their id alone, those of another by id
// and domain with an @ between. An id of the default domain that ends like that is
// nobody's, so that no two addresses mean the same user.
type Domains struct {
	Default string   // empty: [DefaultDomain]
	Others  []string // that there are beside it
}

func (d *Domains) defaultDomain() string {
	if d.Default == "" {
		return DefaultDomain
	}
	return d.Default
}

// lookup returns the domain as it is configured; false for one that there is not.
func (d *Domains) lookup(domain string) (string, bool) {
	key := credential.NameKey(domain)
	for _, known := range append([]string{d.defaultDomain()}, d.Others...) {
		if credential.NameKey(known) == key {
			return known, true
		}
	}
	return "", false
}

// name returns the login name of a user id in a domain. Errors: user.unknown.
func (d *Domains) name(id, domain string) (string, error) {
	known, ok := d.lookup(domain)
	switch {
	case !ok:
		return "", credential.ErrUserUnknown
	case known != d.defaultDomain():
		return id + "@" + known, nil
	}
	if _, of := d.split(id); of != known {
		return "", credential.ErrUserUnknown
	}
	return id, nil
}

// split returns the user id and domain of a login name.
func (d *Domains) split(name string) (id, domain string) {
	if i := strings.LastIndexByte(name, '@'); i > 0 {
		key := credential.NameKey(name[i+1:])
		if n := slices.IndexFunc(d.Others, func(o string) bool { return credential.NameKey(o) == key }); n >= 0 {
			return name[:i], d.Others[n]
		}
	}
	return name, d.defaultDomain()
}

// endings selects the users of a domain by their login names; false if there is no such
// domain.
func (d *Domains) endings(domain string) (credential.NameEnding, bool) {
	known, ok := d.lookup(domain)
	if !ok || known != d.defaultDomain() {
		return credential.NameEnding{Is: "@" + known}, ok
	}
	var e credential.NameEnding
	for _, other := range d.Others {
		e.Not = append(e.Not, "@"+other)
	}
	return e, true
}

// shownName returns a login name as the platform writes it; empty where nobody can be
// shown by that, so that the user is not there, or is shown by their login name.
func (d *Domains) shownName(name string) string {
	id, domain := d.split(name)
	text := id + "@" + domain
	odd := func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > maxShownChars || strings.TrimSpace(text) != text || strings.ContainsFunc(text, odd) {
		return ""
	}
	return text
}

// maxShownChars is how long a name may be that authenticators show.
const maxShownChars = 255

// userOf reads the user that a path names: the domain is what follows the last @, or the
// default one if there is none. Errors: user.required, user.unknown.
func (c *caller) userOf(r *http.Request) (credential.UserRef, error) {
	id, domain := r.PathValue("user"), c.defaultDomain()
	if i := strings.LastIndexByte(id, '@'); i >= 0 {
		id, domain = id[:i], id[i+1:]
	}
	return c.user(id, domain)
}

func (c *caller) user(id, domain string) (credential.UserRef, error) {
	if id == "" || domain == "" {
		return credential.UserRef{}, credential.ErrUserRequired.At("userID@domain").Saying("A user is written as userID@domain, neither of them empty.")
	}
	name, err := c.name(id, domain)
	if err != nil {
		return credential.UserRef{}, err
	}
	return credential.ByName(name), nil
}
