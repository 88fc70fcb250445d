package onespan

import (
	"cmp"
	"net/http"
	"unicode/utf8"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/web"
)

// Pages of a list.
const (
	defaultLimit = 20
	maxLimit     = 100
	maxOffset    = 1_000_000
	maxNameChars = 64
)

// list answers with the registrations that the query selects, oldest first.
func (f *front) list(w http.ResponseWriter, r *http.Request, by caller) error {
	in := input{}
	q := in.query(r.URL.Query(), "userID", "domain", "registrationType", "offset", "limit")
	in.oneOf("registrationType", q["registrationType"], fido2, uaf11)
	answer := registrationList{
		Offset:            in.number("offset", q["offset"], 0, maxOffset, 0),
		Limit:             in.number("limit", q["limit"], 1, maxLimit, defaultLimit),
		FIDORegistrations: []registration{},
	}
	if err := in.err(); err != nil {
		return err
	}
	query, nothing, err := by.query(q)
	if err != nil {
		return err
	}
	total, err := f.Credentials.CountCredentials(r.Context(), by.Authority, query)
	if err != nil {
		return err
	}
	if nothing {
		total = 0
	}
	if answer.Total = total; answer.Offset < total {
		query.Offset, query.Limit = answer.Offset, answer.Limit
		page, err := f.Credentials.Credentials(r.Context(), by.Authority, query)
		if err != nil {
			return err
		}
		for i := range page.Credentials {
			answer.FIDORegistrations = append(answer.FIDORegistrations, by.fromCredential(&page.Credentials[i]))
		}
	}
	web.WriteJSON(w, http.StatusOK, answer)
	return nil
}

// query returns what the parameters of a list select, which is nothing where they say
// UAF, or a domain that there is not. Errors: user.required, user.unknown.
func (c *caller) query(q map[string]string) (query credential.CredentialQuery, nothing bool, err error) {
	query.RelyingParty, nothing = c.RelyingParty, q["registrationType"] == uaf11
	id, domain := q["userID"], q["domain"]
	if id != "" {
		query.User, err = c.user(id, cmp.Or(domain, c.defaultDomain()))
		return query, nothing, err
	}
	if domain != "" {
		ending, known := c.endings(domain)
		query.UserNames, nothing = ending, nothing || !known
	}
	return query, nothing, nil
}

func (f *front) rename(w http.ResponseWriter, r *http.Request, by caller) error {
	var call renameCall
	if err := read(w, r, &call); err != nil {
		return err
	}
	in := input{}
	if call.RegistrationName == nil || *call.RegistrationName == "" || utf8.RuneCountInString(*call.RegistrationName) > maxNameChars {
		in.refuse("registrationName", "must have 1 to 64 characters")
	}
	if err := in.err(); err != nil {
		return err
	}
	if _, err := f.Credentials.Rename(r.Context(), by.Authority, by.registration(r), *call.RegistrationName); err != nil {
		return err
	}
	done(w)
	return nil
}

func (f *front) remove(w http.ResponseWriter, r *http.Request, by caller) error {
	if err := f.Credentials.Delete(r.Context(), by.Authority, by.registration(r)); err != nil {
		return err
	}
	done(w)
	return nil
}

// registration is the one that a path names.
func (c *caller) registration(r *http.Request) credential.Ref {
	return credential.Ref{ID: credential.ID(r.PathValue("id")), RelyingParty: c.RelyingParty}
}

// done answers where there is nothing to say.
func done(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}
