package nevis

import (
	"errors"
	"net/http"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

// IDMConfig opens nevisIDM's paths of FIDO2 credentials:
//
//	GET    <prefix>/{client}/users/{user}/fido2        a user's credentials
//	POST   <prefix>/{client}/users/{user}/fido2        one that was registered elsewhere
//	GET    <prefix>/{client}/users/{user}/fido2/{id}
//	PATCH  <prefix>/{client}/users/{user}/fido2/{id}
//	DELETE <prefix>/{client}/users/{user}/fido2/{id}
//	GET    <prefix>/clients/{client}/fido2             those of all users
type IDMConfig struct {
	Prefix string // before the paths

	// ClientExtID is what clients call the tenant, which is a client to nevisIDM.
	ClientExtID string

	// TemporaryLock is how long a credential stays tmp-locked.
	TemporaryLock time.Duration
}

// errClient is another client than the one that is served.
var errClient = fault.New(fault.NotFound, "tenant.unknown", "There is no such client.")

// errRepeated is a parameter that stands twice: who reads the first and who reads the
// last would disagree on what was asked.
var errRepeated = fault.New(fault.Invalid, "request.repeated", "A parameter of the query stands twice.")

// handler serves a request of an authenticated caller.
type handler func(w http.ResponseWriter, r *http.Request) error

func (d *Door) mountIDM(mux *http.ServeMux) {
	users := d.IDM.Prefix + "/{client}/users/{user}/fido2"
	for pattern, serve := range map[string]handler{
		"GET " + users:              d.listOfUser,
		"POST " + users:             d.create,
		"GET " + users + "/{id}":    d.get,
		"PATCH " + users + "/{id}":  d.change,
		"DELETE " + users + "/{id}": d.remove,

		"GET " + d.IDM.Prefix + "/clients/{client}/fido2": d.listOfClient,
	} {
		mux.Handle(pattern, d.admitIDM(serve))
	}
}

func (d *Door) admitIDM(serve handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		admitted, err := d.admit(r, d.Modes.Credentials)
		if err == nil {
			err = checkQuery(r)
		}
		if err == nil && r.PathValue("client") != d.IDM.ClientExtID {
			err = errClient
		}
		if err == nil {
			err = serve(w, admitted)
		}
		if err != nil {
			d.writeIDMError(w, r, err)
		}
	})
}

func checkQuery(r *http.Request) error {
	for name, values := range r.URL.Query() {
		if len(values) > 1 {
			return errRepeated.At(name)
		}
	}
	return nil
}

// reach is the relying party that a caller's lists are of: all of them, unless its grant
// is narrowed.
func (d *Door) reach(by tenant.Authority) string {
	if len(by.RelyingParties) > 0 {
		return d.RelyingParty
	}
	return ""
}

func (d *Door) listOfUser(w http.ResponseWriter, r *http.Request) error {
	q, err := readListQuery(r.URL.Query(), userFilters)
	if err != nil {
		return err
	}
	q.User = d.userRef(r.PathValue("user"))
	return d.list(w, r, q, false)
}

func (d *Door) listOfClient(w http.ResponseWriter, r *http.Request) error {
	q, err := readListQuery(r.URL.Query(), clientFilters)
	if err != nil {
		return err
	}
	return d.list(w, r, q, r.URL.Query().Get("returnTotalResultCount") == "true")
}

func (d *Door) list(w http.ResponseWriter, r *http.Request, q credential.CredentialQuery, total bool) error {
	by := web.Authority(r)
	q.RelyingParty = d.reach(by)
	page, err := d.Credentials.Credentials(r.Context(), by, q)
	if err != nil {
		return err
	}
	answer := listAnswer{Items: make([]idmCredential, len(page.Credentials))}
	for i := range page.Credentials {
		answer.Items[i] = d.fromCredential(&page.Credentials[i])
	}
	answer.Pagination.ContinuationToken = page.Next
	if total {
		n, err := d.Credentials.CountCredentials(r.Context(), by, q)
		if err != nil {
			return err
		}
		answer.Pagination.TotalResultCount = &n
	}
	web.WriteJSON(w, http.StatusOK, answer)
	return nil
}

func (d *Door) create(w http.ResponseWriter, r *http.Request) error {
	var q createRequest
	if err := readIDM(w, r, &q); err != nil {
		return err
	}
	in, err := d.adopt(&q, r.PathValue("user"))
	if err != nil {
		return err
	}
	c, err := d.Credentials.AdoptCredential(r.Context(), web.Authority(r), in)
	if err != nil {
		return err
	}
	w.Header().Set("Location", r.URL.EscapedPath()+"/"+escapePath(c.ExternalOrID()))
	web.WriteJSON(w, http.StatusCreated, d.fromCredential(c))
	return nil
}

func (d *Door) get(w http.ResponseWriter, r *http.Request) error {
	return d.withCredential(r, func(ref credential.Ref) error {
		c, err := d.Credentials.Get(r.Context(), web.Authority(r), ref)
		if err != nil {
			return err
		}
		web.WriteJSON(w, http.StatusOK, d.fromCredential(c))
		return nil
	})
}

func (d *Door) change(w http.ResponseWriter, r *http.Request) error {
	var q changeRequest
	if err := readIDM(w, r, &q); err != nil {
		return err
	}
	by := web.Authority(r)
	return d.withCredential(r, func(ref credential.Ref) error {
		in, err := d.update(&q)
		if err != nil {
			return err
		}
		if q.Authenticator != nil {
			if in.SignCount, err = d.counted(r, ref, *q.Authenticator); err != nil {
				return err
			}
		}
		c, err := d.Credentials.Update(r.Context(), by, ref, in)
		if err != nil {
			return err
		}
		web.WriteJSON(w, http.StatusOK, d.fromCredential(c))
		return nil
	})
}

// counted reads the counter that an authenticator's record has reached. The record has to
// be the credential's own: neither its id nor its key ever changes.
func (d *Door) counted(r *http.Request, ref credential.Ref, text string) (*uint32, error) {
	record, err := readAuthenticator(text)
	if err != nil {
		return nil, err
	}
	c, err := d.Credentials.Get(r.Context(), web.Authority(r), ref)
	if err != nil {
		return nil, err
	}
	if !record.isOf(c) {
		return nil, errValue.At("authenticator").Saying("authenticator is the record of another credential.")
	}
	return record.SignCount, nil
}

func (d *Door) remove(w http.ResponseWriter, r *http.Request) error {
	return d.withCredential(r, func(ref credential.Ref) error {
		if err := d.Credentials.Delete(r.Context(), web.Authority(r), ref); err != nil {
			return err
		}
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

// withCredential calls use with the credential that the path names: by our id, or where
// there is none such, by the one it was given elsewhere.
func (d *Door) withCredential(r *http.Request, use func(ref credential.Ref) error) error {
	id, owner := r.PathValue("id"), d.userRef(r.PathValue("user"))
	err := use(credential.Ref{ID: credential.ID(id), Owner: owner})
	if errors.Is(err, credential.ErrCredentialUnknown) {
		err = use(credential.Ref{ExternalID: id, Owner: owner})
	}
	return err
}
