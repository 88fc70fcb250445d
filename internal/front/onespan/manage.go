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
	query := credential.CredentialQuery{RelyingParty: by.RelyingParty, Limit: 1000}
	if id := q["userID"]; id != "" {
		user, err := by.user(id, cmp.Or(q["domain"], by.defaultDomain()))
		if err != nil {
			return err
		}
		query.User = user
	}
	if err := f.collect(r, by, query, q, &answer); err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, answer)
	return nil
}

// collect counts what the query selects, and keeps what is on the page.
func (f *front) collect(r *http.Request, by caller, query credential.CredentialQuery, q map[string]string, answer *registrationList) error {
	for {
		page, err := f.Credentials.Credentials(r.Context(), by.Authority, query)
		if err != nil {
			return err
		}
		for i := range page.Credentials {
			entry := by.fromCredential(&page.Credentials[i])
			if !selects(q, &entry) {
				continue
			}
			if answer.Total >= answer.Offset && len(answer.FIDORegistrations) < answer.Limit {
				answer.FIDORegistrations = append(answer.FIDORegistrations, entry)
			}
			answer.Total++
		}
		if query.After = page.Next; query.After == "" {
			return nil
		}
	}
}

// selects reports whether the query asks for an entry, of whatever user.
func selects(q map[string]string, r *registration) bool {
	if t := q["registrationType"]; t != "" && t != r.RegistrationType {
		return false
	}
	d := q["domain"]
	return d == "" || credential.NameKey(d) == credential.NameKey(r.Domain)
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
