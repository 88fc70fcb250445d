package credential

import (
	"bytes"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/google/uuid"

	"bestow.dev/internal/tenant"
)

// UserID is our own identifier of a user: opaque, never reused, and all that audit
// events say about a person.
type UserID string

// User is a person of a tenant who may have credentials.
type User struct {
	ID          UserID
	Tenant      string
	Name        string // the login name, unique in the tenant without regard to case
	DisplayName string

	// ShownName is what the caller who registered the newest credential called the user:
	// for people to read, and neither unique nor a key. Empty: nobody said.
	ShownName string

	// Handle is the WebAuthn user handle (§5.4.3): opaque, unique in the tenant and
	// fixed for the user's life, also while they have no credential.
	Handle []byte

	Role    tenant.Role // as an operator; empty for none
	Locked  time.Time   // when the user was locked; zero if they are not
	Created time.Time
	Updated time.Time
}

// IsLocked reports whether the user may neither register nor sign in.
func (u *User) IsLocked() bool { return !u.Locked.IsZero() }

// Limits of what a user record holds. The handle's are those of §5.4.3.
const (
	maxNameChars   = 255
	maxHandleBytes = 64
	newHandleBytes = 64 // as §14.6.1 recommends
)

// UserRef says which user is meant: by exactly one of its members. The zero value
// means nobody.
type UserRef struct {
	ID     UserID
	Name   string
	Handle []byte
}

// ByID refers to the user with our id.
func ByID(id UserID) UserRef { return UserRef{ID: id} }

// ByName refers to the user with the login name.
func ByName(name string) UserRef { return UserRef{Name: name} }

// ByHandle refers to the user with the WebAuthn user handle.
func ByHandle(handle []byte) UserRef { return UserRef{Handle: handle} }

// IsZero reports whether the reference means nobody.
func (r UserRef) IsZero() bool { return r.ID == "" && r.Name == "" && len(r.Handle) == 0 }

// check returns nil if the reference can be looked up. What no user can be called is
// nobody's. Errors: user.required, user.unknown.
func (r UserRef) check() error {
	switch {
	case r.IsZero():
		return ErrUserRequired
	case !validText(string(r.ID), maxNameChars), !validText(r.Name, maxNameChars):
		return ErrUserUnknown
	}
	return nil
}

// Matches reports whether r means u.
func (r UserRef) Matches(u *User) bool {
	switch {
	case r.ID != "":
		return r.ID == u.ID
	case r.Name != "":
		return NameKey(r.Name) == NameKey(u.Name)
	case len(r.Handle) > 0:
		return bytes.Equal(r.Handle, u.Handle)
	}
	return false
}

// NameKey returns the form in which login names are compared and kept unique: in
// Unicode normalisation form C, case folded. Stores index it.
func NameKey(name string) string {
	if isLowerASCII(name) {
		return name
	}
	return norm.NFC.String(cases.Fold().String(norm.NFC.String(name)))
}

// isLowerASCII tells names that are their own key, which nearly all are.
func isLowerASCII(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}

func validUserName(name string) bool {
	return name != "" && validText(name, maxNameChars) && strings.TrimSpace(name) == name
}

// validText reports whether s is UTF-8 of at most limit characters, none of which
// is a control character or a direction override that would disguise the rest.
func validText(s string, limit int) bool {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > limit {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return false
		}
	}
	return true
}

// newID returns an identifier that sorts by the time it was made, which keeps
// indexes compact and pages in order.
func newID() string { return uuid.Must(uuid.NewV7()).String() }
