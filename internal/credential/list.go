package credential

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"bestow.dev/internal/tenant"
)

// CredentialQuery selects credentials of a tenant. The service sets Tenant, and the
// user's id where another reference was given.
type CredentialQuery struct {
	Tenant       string
	RelyingParty string    // empty: at all
	User         UserRef   // zero: of all
	State        State     // empty: both
	Standing     *Standing // nil: any
	Name         Match
	ExternalOrID Match  // the id of another system, or where there is none ours
	Hash         []byte // SHA-256 of the credential id; nil: any
	UserNames    NameEnding

	Sort       CredentialSort // zero: in the order they were made
	Descending bool
	Offset     int    // how many to pass over; takes the place of After unless it is zero
	After      string // a page's Next; empty begins
	Limit      int    // 1 to 1000; zero means 100
}

// Match selects texts; its zero value all of them.
type Match struct {
	Equals string
	Prefix string
	Fold   bool // compare Equals without regard to the case of ASCII letters
}

// NameEnding selects users by how their login names end, compared by [NameKey]; its zero
// value all of them.
type NameEnding struct {
	Is  string   // the end of the name, with something before it; empty: any
	Not []string // no end of it
}

// CredentialSort is what credentials are sorted by; among equals, those made earlier come
// first.
type CredentialSort string

// The orders.
const (
	SortMade         CredentialSort = ""
	SortExternalOrID CredentialSort = "external_or_id"
	SortName         CredentialSort = "name"
	SortModel        CredentialSort = "model"
	SortRelyingParty CredentialSort = "relying_party"
	SortVersion      CredentialSort = "version"
	SortUpdated      CredentialSort = "updated"
)

// byPlace begins cursors of lists that are not in the order in which credentials were
// made: what follows is how many were shown. It is in no id of ours.
const byPlace = "@"

// CredentialPage is credentials in the order they were made. Next is the cursor of
// the page after it, empty on the last.
type CredentialPage struct {
	Credentials []Credential
	Next        string
}

// Credentials returns a page of credentials. It needs fido.read for the relying
// party, or without one for the whole tenant; who is at work sees their own. A browser
// session that has signed in gets its user's own, whatever it asks for. Errors: user.unknown; query.cursor,
// query.limit.
func (s *Service) Credentials(ctx context.Context, by tenant.Authority, q CredentialQuery) (*CredentialPage, error) {
	if by.Session != "" {
		session, err := s.signedIn(ctx, by)
		if err != nil {
			return nil, err
		}
		q.RelyingParty, q.User = session.RelyingParty, ByID(session.User)
	} else if err := s.selects(ctx, by, &q); err != nil {
		return nil, err
	}
	limit, err := pageLimit(q.Limit)
	if err != nil {
		return nil, err
	}
	if err := q.begin(); err != nil {
		return nil, err
	}
	q.Tenant, q.Limit = by.Tenant, limit+1 // one more tells whether there is a next page
	list, err := s.store.Credentials(ctx, q)
	if err != nil {
		return nil, err
	}
	lapse(list, s.clock())
	page := &CredentialPage{Credentials: list}
	if len(list) > limit {
		page.Credentials = list[:limit]
		page.Next = q.next(list[limit-1].ID, limit)
	}
	return page, nil
}

// CountCredentials returns how many credentials q selects, whatever its page. It needs
// what [Service.Credentials] needs of a client or operator.
func (s *Service) CountCredentials(ctx context.Context, by tenant.Authority, q CredentialQuery) (int, error) {
	if by.Session != "" {
		return 0, ErrSessionPurpose
	}
	if err := s.selects(ctx, by, &q); err != nil {
		return 0, err
	}
	q.Tenant = by.Tenant
	return s.store.CountCredentials(ctx, q)
}

// selects checks the right to see what q selects, and fills in its user's id. Who is at
// work sees their own alone.
func (s *Service) selects(ctx context.Context, by tenant.Authority, q *CredentialQuery) error {
	if err := by.RequireOrSelf(tenant.ScopeRead, q.RelyingParty); err != nil {
		return err
	}
	if !validText(q.RelyingParty, maxNameChars) {
		return tenant.ErrRelyingPartyUnknown
	}
	if !q.User.IsZero() && q.User.ID == "" {
		u, err := s.user(ctx, by.Tenant, q.User)
		if by.Subject != "" && errors.Is(err, ErrUserUnknown) {
			return ErrSubject
		}
		if err != nil {
			return err
		}
		q.User = ByID(u.ID)
	}
	return refuseOther(by, q.User.ID)
}

// begin makes of a cursor where the page begins.
func (q *CredentialQuery) begin() error {
	for _, text := range []string{q.Name.Equals, q.Name.Prefix, q.ExternalOrID.Equals, q.ExternalOrID.Prefix} {
		if !validText(text, maxNameChars) {
			return ErrCredentialName
		}
	}
	if q.Offset < 0 {
		return ErrCursor
	}
	last, err := after(q.After)
	if err != nil {
		return err
	}
	place, isPlace := strings.CutPrefix(last, byPlace)
	switch {
	case q.Offset > 0 || last == "":
		q.After = ""
	case isPlace:
		q.After = ""
		if q.Offset, err = strconv.Atoi(place); err != nil || q.Offset < 0 {
			return ErrCursor
		}
	case q.Sort != SortMade || q.Descending:
		return ErrCursor // of a list in another order
	default:
		q.After = last
	}
	return nil
}

// next is the cursor of the page after one with n entries, of which the last is given.
func (q *CredentialQuery) next(last ID, n int) string {
	if q.Sort == SortMade && !q.Descending && q.Offset == 0 {
		return cursor(string(last))
	}
	return cursor(byPlace + strconv.Itoa(q.Offset+n))
}
