package onewelcome

import (
	"net/http"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/web"
)

// Administration of users and their credentials.

func (f *front) listCredentials(w http.ResponseWriter, r *http.Request) error {
	user, err := userOf(r)
	if err != nil {
		return err
	}
	rp, err := f.queriedRelyingParty(r)
	if err != nil {
		return err
	}
	list := credentialList{Credentials: []credentialDocument{}}
	q := credential.CredentialQuery{RelyingParty: rp, User: user}
	for {
		page, err := f.Credentials.Credentials(r.Context(), web.Authority(r), q)
		if err != nil {
			return err
		}
		for i := range page.Credentials {
			list.Credentials = append(list.Credentials, fromCredential(&page.Credentials[i]))
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	web.WriteJSON(w, http.StatusOK, list)
	return nil
}

func (f *front) getCredential(w http.ResponseWriter, r *http.Request) error {
	ref, err := f.refOf(r)
	if err != nil {
		return err
	}
	c, err := f.Credentials.Get(r.Context(), web.Authority(r), ref)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, fromCredential(c))
	return nil
}

func (f *front) changeCredential(w http.ResponseWriter, r *http.Request) error {
	ref, err := f.refOf(r)
	if err != nil {
		return err
	}
	var req credentialChange
	if err := web.ReadJSON(w, r, &req); err != nil {
		return err
	}
	in, err := req.change()
	if err != nil {
		return err
	}
	c, err := f.Credentials.Update(r.Context(), web.Authority(r), ref, in)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, fromCredential(c))
	return nil
}

func (f *front) deleteCredential(w http.ResponseWriter, r *http.Request) error {
	ref, err := f.refOf(r)
	if err != nil {
		return err
	}
	if err := f.Credentials.Delete(r.Context(), web.Authority(r), ref); err != nil {
		return err
	}
	return noContent(w)
}

// deleteUser erases a user with all their credentials, at every relying party of the
// tenant: it takes a key that is good for all of them.
func (f *front) deleteUser(w http.ResponseWriter, r *http.Request) error {
	user, err := userOf(r)
	if err != nil {
		return err
	}
	if err := f.Credentials.EraseUser(r.Context(), web.Authority(r), user); err != nil {
		return err
	}
	return noContent(w)
}

func noContent(w http.ResponseWriter) error {
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}
