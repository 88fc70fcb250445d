package store

import (
	"context"
	"fmt"
	"strings"

	"bestow.dev/internal/credential"
)

// externalOrID is the id by which another system knows a credential.
const externalOrID = `(CASE WHEN c.external_id <> '' THEN c.external_id ELSE c.id END)`

// sortColumns are what credentials are sorted by; each is followed by the id.
var sortColumns = map[credential.CredentialSort]string{
	credential.SortExternalOrID: externalOrID,
	credential.SortName:         `c.name`,
	credential.SortModel:        `c.aaguid`,
	credential.SortRelyingParty: `c.relying_party`,
	credential.SortVersion:      `c.version`,
	credential.SortUpdated:      `c.updated_ms`,
}

// selection is the condition that a query makes, with its arguments.
type selection struct {
	text strings.Builder
	args []any
}

// and adds a condition, in which %d is the number of value.
func (s *selection) and(condition string, value any) {
	s.args = append(s.args, value)
	fmt.Fprintf(&s.text, " AND "+strings.ReplaceAll(condition, "%d", "%[1]d"), len(s.args))
}

func (s *selection) match(column string, m credential.Match) {
	switch {
	case m.Equals != "" && m.Fold:
		s.and("LOWER("+column+") = LOWER($%d)", m.Equals)
	case m.Equals != "":
		s.and(column+" = $%d", m.Equals)
	}
	if m.Prefix != "" {
		s.and("substr("+column+", 1, length($%d)) = $%d", m.Prefix)
	}
}

// selectCredentials returns the condition of a query but for its page.
func selectCredentials(query credential.CredentialQuery) *selection {
	s := &selection{args: []any{query.Tenant}}
	s.text.WriteString(`c.tenant = $1`)
	if query.RelyingParty != "" {
		s.and("c.relying_party = $%d", query.RelyingParty)
	}
	if query.User.ID != "" {
		s.and("c.user_id = $%d", query.User.ID)
	}
	if query.State != "" {
		s.and("c.state = $%d", query.State)
	}
	if query.Standing != nil {
		s.and("c.standing = $%d", *query.Standing)
	}
	s.match("c.name", query.Name)
	s.match(externalOrID, query.ExternalOrID)
	if query.Hash != nil {
		s.and("sha256(c.credential_id) = $%d", query.Hash)
	}
	s.endings(query.UserNames)
	return s
}

// endings adds the conditions on the login name of the user.
func (s *selection) endings(want credential.NameEnding) {
	// Where substr begins before the text the engines differ, hence the first condition.
	const ends = `length(n.name_key) > length($%d) AND substr(n.name_key, length(n.name_key) - length($%d) + 1) = $%d`
	const some = `EXISTS (SELECT 1 FROM users n WHERE n.id = c.user_id AND ` + ends + `)`
	if want.Is != "" {
		s.and(some, credential.NameKey(want.Is))
	}
	for _, end := range want.Not {
		s.and("NOT "+some, credential.NameKey(end))
	}
}

// Credentials implements [credential.CredentialStore].
func (db *DB) Credentials(ctx context.Context, query credential.CredentialQuery) ([]credential.Credential, error) {
	s := selectCredentials(query)
	if query.After != "" {
		s.and("c.id > $%d", query.After)
	}
	order, direction := sortColumns[query.Sort], ""
	if query.Descending {
		direction = " DESC"
	}
	if order == "" {
		order = "c.id" + direction
	} else {
		order += direction + ", c.id"
	}
	text := `SELECT ` + credentialColumns + `, u.name FROM credential c JOIN users u ON u.id = c.user_id WHERE ` + s.text.String() +
		` ORDER BY ` + order + fmt.Sprintf(" LIMIT $%d OFFSET $%d", len(s.args)+1, len(s.args)+2)
	args := append(s.args, query.Limit, query.Offset)
	var list []credential.Credential
	err := db.search(ctx, func(ctx context.Context, q tx) error {
		rows, err := q.Query(ctx, text, args...)
		list, err = collect(rows, err, scanCredential)
		return err
	})
	return list, err
}

// CountCredentials implements [credential.CredentialStore].
func (db *DB) CountCredentials(ctx context.Context, query credential.CredentialQuery) (int, error) {
	s := selectCredentials(query)
	var n int
	err := db.search(ctx, func(ctx context.Context, q tx) error {
		return q.QueryRow(ctx, `SELECT count(*) FROM credential c WHERE `+s.text.String(), s.args...).Scan(&n)
	})
	return n, err
}
